//! A broker's second listener, for clients that log in over TLS.

use std::path::Path;

use tokio::process::Command;

use super::programs::Programs;
use crate::ports;
use crate::prepare::run;

/// The one who may log in, with PLAIN and SCRAM-SHA-512.
pub const USER: &str = "ann";

/// Their password, and the key store's.
pub const PASSWORD: &str = "5e884898da28047151d0e56f8dc62927";

/// The host that the certificate is for; another name of the same machine is another host.
const HOST: &str = "localhost";

/// The listener.
pub(crate) struct Secured {
    port: u16,
}

impl Secured {
    pub(crate) fn new() -> Self {
        Self { port: ports::free() }
    }

    pub(crate) fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// Makes the key and its certificate, which is its own CA's: `ca.pem` in the folder.
    pub(crate) async fn prepare(&self, programs: &Programs, folder: &Path) -> anyhow::Result<()> {
        let tool = || {
            let mut tool = Command::new(programs.java().with_file_name("keytool"));
            tool.current_dir(folder);
            tool
        };
        let store = ["-keystore", "broker.p12", "-storepass", PASSWORD, "-alias", "broker"];
        let key = ["-genkeypair", "-storetype", "PKCS12", "-keyalg", "EC", "-groupname", "secp256r1"];
        let named = ["-dname", "CN=broker", "-ext", "SAN=dns:localhost", "-validity", "7"];
        run(tool().args(key).args(named).args(store)).await?;
        run(tool().args(["-exportcert", "-rfc", "-file", "ca.pem"]).args(store)).await
    }

    /// What it adds to the formatting of the folder.
    pub(crate) fn format_arguments() -> [String; 2] {
        ["--add-scram".to_owned(), format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]")]
    }

    pub(crate) fn listener(&self) -> String {
        format!(",SASL_SSL://127.0.0.1:{}", self.port)
    }

    pub(crate) fn advertised(&self) -> String {
        format!(",SASL_SSL://{}", self.address())
    }

    /// Its lines of the broker's settings.
    pub(crate) fn settings(folder: &Path) -> String {
        let (store, modules) = (folder.join("broker.p12"), "org.apache.kafka.common.security");
        format!(
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={}
ssl.keystore.password={PASSWORD}
",
            store.display()
        )
    }
}
