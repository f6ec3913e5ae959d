//! The world around the demo: two CRMs with one won deal each, a gift vendor and a mailbox.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterglow_crm::hubspot::signature::{Request, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_crm::salesforce::reply::ACK;
use afterglow_domain::{Clock, Clocks, Crm, Currency, Money, Timestamp};
use afterglow_journey::{Zone, day_of};
use afterglow_sandbox::crm::{Deal, Settings, webhook};
use afterglow_sandbox::gifts::Faults;
use afterglow_sandbox::{Options, Sandbox, demo_deals};
use afterglow_service::http_client;
use anyhow::{Context as _, ensure};
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::screen::{Sandboxed, dollars};

/// Secrets of a world that exists on loopback only, for as long as the demo runs.
const HUBSPOT_SECRET: &str = "demo-hubspot-client-secret-0001";
const SALESFORCE_TOKEN: &str = "demo-salesforce-path-token-0001";
const GIFT_KEY: &str = "demo-gift-vendor-key-0000000001";

/// The second gift ordered for this address loses its answer: the vendor acts and the line is cut.
const LOST_ANSWER: (&str, u64) = ("priya.shah@bluebird.example", 2);

/// When, on the journey's clock, the deals were won: kept, so that a second start tells the same story.
const WON_AT_FILE: &str = "demo-won-at";

/// The zone of the demo's connections and of its journey.
const ZONE: &str = "Europe/Berlin";

/// The running world.
pub(crate) struct World {
    sandbox: Sandbox,
    folder: PathBuf,
    edge: SocketAddr,
    wall: Arc<dyn Clock>,
    won_at: Timestamp,
    zone: Zone,
    deals: Vec<Deal>,
}

impl World {
    /// Starts the world in a folder, on loopback.
    pub(crate) async fn start(
        folder: &Path,
        edge: SocketAddr,
        wall: Arc<dyn Clock>,
        tasks: &TaskTracker,
    ) -> anyhow::Result<Self> {
        let options = Options {
            clock: wall.clone(),
            folder: Some(folder.to_owned()),
            bulk: false,
            gift_key: GIFT_KEY.to_owned(),
            crm: Settings::default(),
        };
        let sandbox = Sandbox::start(options, tasks).await.context("the sandbox does not start")?;
        let (address, order) = LOST_ANSWER;
        sandbox
            .gifts
            .set_faults(Faults { lose_nth_for: vec![(address.to_owned(), order)], ..Faults::default() });
        let won_at = wall.now();
        let zone = Zone::new(ZONE).context("the demo's zone is not in the bundled data")?;
        Ok(Self { sandbox, folder: folder.to_owned(), edge, wall, won_at, zone, deals: Vec::new() })
    }

    /// Puts the two deals into the CRMs, as won just now, or when an earlier run won them.
    pub(crate) fn put_deals(&mut self, clocks: &Clocks) -> anyhow::Result<()> {
        let path = self.folder.join(WON_AT_FILE);
        self.won_at = if let Ok(text) = fs::read_to_string(&path) {
            text.trim().parse().with_context(|| format!("{} holds no time", path.display()))?
        } else {
            let now = clocks.journey.now();
            fs::write(&path, now.to_string())
                .with_context(|| format!("{} cannot be written", path.display()))?;
            now
        };
        // Before this process started, wall and journey ran side by side: the same distance back.
        let now = self.wall.now();
        let closed_at = now.minus(clocks.journey_of(now).since(self.won_at));
        self.deals = demo_deals(closed_at).to_vec();
        for deal in &self.deals {
            self.sandbox.crm.put(deal.clone(), closed_at);
        }
        Ok(())
    }

    /// Which day of the journey it is: calendar days after the win, as the journey counts them.
    pub(crate) fn day(&self, journey: Timestamp) -> i32 {
        day_of(self.zone.date_of(self.won_at), self.zone.date_of(journey))
    }

    /// A page for people: `mailbox` or `gifts`.
    pub(crate) fn page(&self, name: &str) -> String {
        self.sandbox.page_url(name)
    }

    /// Sends both webhooks as the CRMs do, and says what came back.
    pub(crate) async fn play_webhooks(&self) -> anyhow::Result<Vec<String>> {
        let client = http_client::build(&http_client::Options::default())?;
        let mut lines = Vec::new();
        for deal in &self.deals {
            let (said, expected) = match deal.crm {
                Crm::Hubspot => ("HubSpot webhook, signature v3 valid", None),
                Crm::Salesforce => ("Salesforce message, token valid, Ack sent", Some(ACK)),
            };
            let (url, headers, body) = self.webhook(deal);
            let mut request = client.post(&url).body(body);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = request.send().await.context("the edge does not answer")?;
            let status = answer.status();
            let text = answer.text().await?;
            ensure!(status.is_success(), "the edge answered {status} to the {} webhook: {text}", deal.crm);
            ensure!(expected.is_none_or(|ack| ack == text), "the edge did not acknowledge: {text}");
            lines.push(introduction(deal, said));
        }
        Ok(lines)
    }

    fn webhook(&self, deal: &Deal) -> (String, Vec<(&'static str, String)>, String) {
        let settings = self.sandbox.crm.settings();
        let now = self.wall.now();
        match deal.crm {
            Crm::Hubspot => {
                let url = format!("http://{}/webhooks/hubspot/demo-hubspot", self.edge);
                let body = webhook::hubspot(&[webhook::hubspot_stage(settings.portal, deal, now)]);
                let secret = SecretString::from(HUBSPOT_SECRET);
                let request = Request { method: "POST", uri: &url, body: body.as_bytes() };
                let signature = sign_v3(&secret, &request, now);
                let headers = vec![
                    ("content-type", "application/json".to_owned()),
                    (V3_HEADER, signature),
                    (TIMESTAMP_HEADER, now.as_millis().to_string()),
                ];
                (url, headers, body)
            }
            Crm::Salesforce => {
                let url =
                    format!("http://{}/webhooks/salesforce/demo-salesforce/{SALESFORCE_TOKEN}", self.edge);
                let body = webhook::salesforce(&settings.org18, &[deal], now);
                let headers = vec![
                    ("content-type", "text/xml; charset=UTF-8".to_owned()),
                    ("soapaction", "\"\"".to_owned()),
                ];
                (url, headers, body)
            }
        }
    }

    /// The configuration that makes the product talk to this world.
    pub(crate) fn configuration(&self, folder: &Path, edge: SocketAddr, admin: SocketAddr) -> String {
        let settings = self.sandbox.crm.settings();
        let data_dir = folder.display().to_string();
        format!(
            r#"
data_dir = {data_dir:?}
http = {{ listen = "{edge}", admin_listen = "{admin}", public_url = "http://{edge}" }}
clock = {{ seconds_per_day = 1 }}
resolver = {{ settle_seconds = 5 }}
telemetry = {{ level = "error" }}
journey = [{{ file = "journeys/first-90-days.yaml", tenant = "demo" }}]
unsubscribe = {{ secrets = ["demo-unsubscribe-key-000000000000000001"] }}
dispatch = {{ suppression_key = "demo-suppression-key-000000000000000001" }}

[[connection]]
id = "demo-hubspot"
tenant = "demo"
kind = "hubspot"
portal_id = {portal}
token = "{hubspot_token}"
secrets = ["{HUBSPOT_SECRET}"]
base_url = "{hubspot_url}"
zone = "{ZONE}"

[[connection]]
id = "demo-salesforce"
tenant = "demo"
kind = "salesforce"
org_id = "{org}"
client_id = "{salesforce_key}"
client_secret = "{salesforce_secret}"
secrets = ["{SALESFORCE_TOKEN}"]
base_url = "{salesforce_url}"
zone = "{ZONE}"
currency = "USD"

[vendors.tremendous]
base_url = "{gifts_url}"
secret = "{GIFT_KEY}"
rate_per_second = 50
timeout_seconds = 2
products = {{ default = "DEMOCHOICE", coffee = "DEMOCOFFEE", book = "DEMOBOOK" }}

[vendors.smtp]
host = "127.0.0.1"
port = {smtp_port}
tls = "none"
from_address = "hello@afterglow.example"
from_name = "Afterglow"
rate_per_second = 50
"#,
            portal = settings.portal,
            hubspot_token = settings.hubspot_token,
            hubspot_url = self.sandbox.hubspot_url(),
            org = settings.org18,
            salesforce_key = settings.salesforce_key,
            salesforce_secret = settings.salesforce_secret,
            salesforce_url = self.sandbox.salesforce_url(),
            gifts_url = self.sandbox.gifts_url(),
            smtp_port = self.sandbox.smtp.port(),
        )
    }
}

/// `HubSpot webhook, signature v3 valid        Northwind GmbH  $48,000  owner Mia Brandt   contact Jonas Weber`
fn introduction(deal: &Deal, said: &str) -> String {
    let customer = deal.company.as_ref().map(|company| company.name.as_str()).unwrap_or_default();
    let amount = deal.amount.map(dollars).unwrap_or_default();
    let name = |first: &str, last: &str| format!("{first} {last}");
    let owner = deal.owner.as_ref().map(|one| name(&one.first_name, &one.last_name)).unwrap_or_default();
    let contact = deal.contacts.first();
    let contact = contact.map(|one| name(&one.person.first_name, &one.person.last_name)).unwrap_or_default();
    format!("  {said:<41}  {customer:<14}  {amount:<7}  owner {owner:<11}  contact {contact}")
}

impl Sandboxed for World {
    fn subject_of(&self, touchpoint: &str) -> Option<String> {
        let of_touchpoint = |letter: &afterglow_sandbox::mailbox::Letter| {
            letter.message_id.as_ref().is_some_and(|id| id.contains(touchpoint))
        };
        let letters = self.sandbox.mailbox.mails().into_iter().map(|mail| mail.letter());
        letters.into_iter().find(of_touchpoint).map(|letter| letter.subject)
    }

    fn gifts(&self) -> (Money, usize) {
        let orders = self.sandbox.gifts.orders();
        let distinct: BTreeSet<_> = orders.iter().filter_map(|order| order.external_id.as_ref()).collect();
        let minor = orders.iter().map(|order| order.amount.minor).sum();
        (Money::new(minor, Currency::USD), orders.len() - distinct.len())
    }
}
