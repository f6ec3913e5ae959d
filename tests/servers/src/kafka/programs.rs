//! Java and the broker's jars.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::prepare::{install, on_path};

const POM: &str = include_str!("../../kafka/pom.xml");

/// What a broker is started with.
pub(crate) struct Programs {
    java: PathBuf,
    jars: PathBuf,
}

impl Programs {
    pub(crate) async fn find() -> anyhow::Result<Self> {
        let downloaded = cache::holds("kafka", POM);
        if on_path("java").is_none() || (!downloaded && on_path("mvn").is_none()) {
            install("kafka").await?;
        }
        let jars = cache::folder("kafka", POM, async |folder: &Path| {
            let into = format!("-DoutputDirectory={}", folder.display());
            cache::maven("kafka", "copy-dependencies", &["-DincludeScope=runtime".to_owned(), into]).await
        });
        Ok(Self { jars: jars.await?, java: on_path("java").unwrap_or_else(|| "java".into()) })
    }

    pub(crate) fn java(&self) -> &Path {
        &self.java
    }

    /// All jars, as Java writes it.
    pub(crate) fn class_path(&self) -> OsString {
        self.jars.join("*").into()
    }

    pub(crate) fn log_setting() -> OsString {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/log4j2.properties");
        format!("-Dlog4j2.configurationFile={}", file.display()).into()
    }
}
