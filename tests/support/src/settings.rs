//! The configuration of a world, written as a file as an operator would.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use afterglow_sandbox::Sandbox;
use afterglow_sandbox::crm::Settings as Crm;

use crate::cluster::{Cluster, PARTITIONS};

/// The HubSpot connection's id.
pub const HUBSPOT: &str = "hub";
/// The Salesforce connection's id.
pub const SALESFORCE: &str = "sf";
/// A HubSpot connection of another tenant, with a portal and a secret of its own.
pub const OTHER_HUBSPOT: &str = "hub-b";
/// The portal of [`OTHER_HUBSPOT`].
pub const OTHER_PORTAL: i64 = 24_802;
/// The client secret in force.
pub const SECRET: &str = "the-sandbox-client-secret-0001";
/// The client secret before it, still accepted.
pub const PREVIOUS_SECRET: &str = "the-sandbox-client-secret-0000";
/// The client secret of [`OTHER_HUBSPOT`].
pub const OTHER_SECRET: &str = "the-other-tenants-secret-00001";
/// The last part of the Salesforce webhook's path.
pub const PATH_TOKEN: &str = "the-sandbox-path-token-0001";
/// The path token before it, still accepted.
pub const PREVIOUS_PATH_TOKEN: &str = "the-sandbox-path-token-0000";
/// The key of the suppression list.
pub const SUPPRESSION_KEY: &str = "suppression-key-of-the-sandbox-01";
/// What the gift vendor accepts.
pub const GIFT_KEY: &str = "sandbox-gift-key";

/// A journey of one promise: a gift on the day after the win.
pub const ONE_GIFT: &str = include_str!("one_gift.yaml");

/// Which journey new customers enter.
#[derive(Debug, Clone)]
pub enum Journey {
    /// The one that ships with the product.
    Shipped,
    /// This text, with the shipped mails beside it.
    Text(String),
}

/// What worlds differ in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Wall seconds of a journey's day; 0 for real time.
    pub seconds_per_day: u32,
    /// The journey.
    pub journey: Journey,
    /// What an account may receive in a year.
    pub budget: &'static str,
    /// Requests in ten seconds to the HubSpot of [`HUBSPOT`].
    pub hubspot_rate: u32,
    /// After this a vendor's outcome is unknown.
    pub vendor_timeout_seconds: u32,
    /// Further lines of `[http]`.
    pub http: &'static str,
    /// The program, if it is not the product itself.
    pub program: Option<PathBuf>,
    /// Variables of the program's environment.
    pub env: Vec<(&'static str, String)>,
    /// Kafka and PostgreSQL, for a product of several processes.
    pub cluster: Option<Cluster>,
    /// Whether the sandbox's ledger and mailbox are kept in the folder, and not in memory only.
    pub keep: bool,
    /// Where everything is, for a world that goes on after its process; otherwise in a folder that goes with it.
    pub folder: Option<PathBuf>,
    /// For millions of mails: of a mail nothing is kept but its Message-ID.
    pub bulk: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seconds_per_day: 1,
            journey: Journey::Shipped,
            budget: "500 USD",
            // The sandbox has no rate limit, and three hundred deals come at once.
            hubspot_rate: 10_000,
            vendor_timeout_seconds: 2,
            http: "",
            program: None,
            env: Vec::new(),
            cluster: None,
            keep: false,
            folder: None,
            bulk: false,
        }
    }
}

impl Settings {
    /// A world whose journey is this text.
    pub fn with_journey(text: &str) -> Self {
        Self { journey: Journey::Text(text.to_owned()), ..Self::default() }
    }

    /// Writes configuration and journey into `folder`; the answer is the configuration's path.
    pub(crate) fn write(&self, folder: &Path, ports: [u16; 2], sandbox: &Sandbox) -> PathBuf {
        let journey = self.write_journey(folder);
        let mut text = platform(self, ports);
        text.push_str(&connections(self, sandbox));
        text.push_str(&vendors(self, sandbox));
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"
[[journey]]
file = "{}"
tenant = "acme"
[unsubscribe]
secrets = ["unsubscribe-key-of-the-sandbox-0001"]
[dispatch]
suppression_key = "{SUPPRESSION_KEY}"
budget_per_account_per_year = "{}"
[resolver]
settle_seconds = 1
reread_seconds = [1, 2, 4]
"#,
            journey.display(),
            self.budget
        );
        let path = folder.join("afterglow.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn write_journey(&self, folder: &Path) -> PathBuf {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys");
        let Journey::Text(text) = &self.journey else { return shipped.join("first-90-days.yaml") };
        for part in ["mails", "tasks"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
            for entry in std::fs::read_dir(shipped.join(part)).unwrap() {
                let path = entry.unwrap().path();
                std::fs::copy(&path, folder.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
        let path = folder.join("journey.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn platform(settings: &Settings, [edge, admin]: [u16; 2]) -> String {
    format!(
        r#"data_dir = "data"
[http]
listen = "127.0.0.1:{edge}"
admin_listen = "127.0.0.1:{admin}"
public_url = "http://127.0.0.1:{edge}"
shutdown_seconds = 10
{}
{}"#,
        settings.http,
        log_and_clock(settings)
    )
}

fn log_and_clock(settings: &Settings) -> String {
    let clock = match settings.seconds_per_day {
        0 => String::new(),
        seconds => format!("[clock]\nseconds_per_day = {seconds}\n"),
    };
    let Some(Cluster { brokers, topic_prefix, database }) = &settings.cluster else { return clock };
    format!(
        r#"{clock}[log]
kind = "kafka"
brokers = "{brokers}"
topic_prefix = "{topic_prefix}"
partitions = {PARTITIONS}
[store]
kind = "postgres"
url = "{database}"
"#
    )
}

fn connections(settings: &Settings, sandbox: &Sandbox) -> String {
    let Crm { hubspot_token, portal, salesforce_key, salesforce_secret, org18, .. } = Crm::default();
    let (hubspot, salesforce) = (sandbox.hubspot_url(), sandbox.salesforce_url());
    let rate = settings.hubspot_rate;
    format!(
        r#"
[[connection]]
id = "{HUBSPOT}"
tenant = "acme"
kind = "hubspot"
portal_id = {portal}
token = "{hubspot_token}"
secrets = ["{SECRET}", "{PREVIOUS_SECRET}"]
base_url = "{hubspot}"
zone = "Europe/Berlin"
currency = "USD"
rate_per_10s = {rate}
[[connection]]
id = "{SALESFORCE}"
tenant = "acme"
kind = "salesforce"
org_id = "{org18}"
client_id = "{salesforce_key}"
client_secret = "{salesforce_secret}"
secrets = ["{PATH_TOKEN}", "{PREVIOUS_PATH_TOKEN}"]
base_url = "{salesforce}"
zone = "Europe/Berlin"
currency = "USD"
rate_per_10s = 10000
[[connection]]
id = "{OTHER_HUBSPOT}"
tenant = "umbrella"
kind = "hubspot"
portal_id = {OTHER_PORTAL}
token = "{hubspot_token}"
secrets = ["{OTHER_SECRET}"]
base_url = "{hubspot}"
zone = "Europe/Berlin"
"#
    )
}

fn vendors(settings: &Settings, sandbox: &Sandbox) -> String {
    let timeout = settings.vendor_timeout_seconds;
    format!(
        r#"
[vendors.tremendous]
base_url = "{}"
secret = "{GIFT_KEY}"
rate_per_second = 10000
timeout_seconds = {timeout}
products = {{ default = "CAMPAIGN0", coffee = "CAMPAIGN1", book = "CAMPAIGN2" }}
[vendors.smtp]
host = "127.0.0.1"
port = {}
tls = "none"
from_address = "hello@afterglow.example"
from_name = "Afterglow"
rate_per_second = 10000
timeout_seconds = {timeout}
"#,
        sandbox.gifts_url(),
        sandbox.smtp.port()
    )
}
