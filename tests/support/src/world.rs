//! A world: CRMs, vendors and a mailbox on loopback, a folder, and the product that is started in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clock, Crm, Timestamp};
use afterglow_sandbox::crm::{Deal, Settings as CrmSettings, webhook};
use afterglow_sandbox::gifts::Order;
use afterglow_sandbox::mailbox::{Letter, Mail};
use afterglow_sandbox::{Options, Sandbox};
use afterglow_service::clock::SystemClock;
use afterglow_service::http_client;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::task::TaskTracker;

use crate::customers;
use crate::history::History;
use crate::ports;
use crate::product::{self, Launch, Product};
use crate::settings::{GIFT_KEY, Settings};
use crate::topics::Topics;
use crate::until::{SELDOM, SOON, TooLate, until};
use crate::webhook::{Answer, Delivery, Webhook};

/// How long the product may take to be ready on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(30);
/// How long a CRM goes on sending before the test gives up: a hundred restarts.
const SENDING: Duration = Duration::from_mins(1);
/// How many lines of the product's log a failed test shows.
const LOG_LINES: usize = 40;

/// A world without a product yet.
pub struct World {
    /// The CRMs, the gift vendor and the mailbox.
    pub sandbox: Sandbox,
    /// The wall's clock.
    pub clock: Arc<dyn Clock>,
    /// Where the product's edge listens.
    pub edge: SocketAddr,
    /// Where probes, metrics and event streams are.
    pub admin: SocketAddr,
    /// A client that follows no redirects and waits at most five seconds.
    pub http: reqwest::Client,
    pub(crate) settings: Settings,
    config: PathBuf,
    folder: PathBuf,
    /// Removes the folder at the end, if it is ours.
    _temporary: Option<TempDir>,
}

impl World {
    /// Starts the sandbox and writes the configuration.
    pub async fn new(settings: Settings) -> Self {
        let temporary = settings.folder.is_none().then(|| tempfile::tempdir().unwrap());
        let given = settings.folder.clone();
        let folder = given.or_else(|| Some(temporary.as_ref()?.path().to_owned())).unwrap();
        let clock = SystemClock::shared();
        let options = Options {
            clock: clock.clone(),
            folder: settings.keep.then(|| folder.clone()),
            bulk: settings.bulk,
            gift_key: GIFT_KEY.to_owned(),
            crm: CrmSettings::default(),
        };
        let sandbox = Sandbox::start(options, &TaskTracker::new()).await.unwrap();
        let ports = [ports::free(), ports::free()];
        let config = settings.write(&folder, ports, &sandbox);
        let patience = Duration::from_secs(5);
        let http = http_client::build(&http_client::Options { timeout: patience, ..Default::default() });
        let [edge, admin] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Self {
            sandbox,
            clock,
            edge,
            admin,
            http: http.unwrap(),
            settings,
            config,
            folder,
            _temporary: temporary,
        }
    }

    /// Now, on the wall.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The product's data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A file beside the configuration.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The configuration's file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Where the edge is reached, as CRMs and mails have it.
    pub fn public_url(&self) -> String {
        format!("http://{}", self.edge)
    }

    /// Starts the product and waits until it is ready.
    pub async fn start(&self) -> Product {
        let mut product = self.launch(None);
        let url = format!("http://{}/readyz", self.admin);
        self.until("the product is ready", READY, async || {
            assert!(product.runs(), "the product ended at once:\n{}", self.log_tail());
            self.http.get(&url).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        product
    }

    /// Starts the product without waiting; with a limit, no file of it may grow beyond that.
    pub fn launch(&self, file_kib_max: Option<u64>) -> Product {
        let program = self.program();
        Product::launch(&Launch {
            program: &program,
            command: "run",
            config: &self.config,
            log: &self.log_file(),
            env: self.settings.env.clone(),
            file_kib_max,
        })
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.settings.program.clone().unwrap_or_else(product::program)
    }

    /// Runs a command of the product's to its end.
    pub async fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(self.program());
        command.args(args).envs(self.settings.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_secs(20), command.output()).await;
        ended.unwrap_or_else(|_| panic!("`afterglow {}` does not end", args.join(" "))).unwrap()
    }

    /// What a command that reads the data folder prints; it must succeed.
    pub async fn ask(&self, args: &[&str]) -> String {
        let data_dir = self.data_dir();
        let output = self.command(&[args, &["--data-dir", data_dir.to_str().unwrap()]].concat()).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`afterglow {}` failed: {errors}", args.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Everything that the product has logged so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("product.log")
    }

    /// The last lines that the product has logged.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Waits for a condition; panics with the product's last words when it does not come true in time.
    pub async fn until<T>(&self, what: &str, patience: Duration, look: impl AsyncFnMut() -> Option<T>) -> T {
        until(SOON, patience, look).await.unwrap_or_else(|TooLate| self.give_up(what, patience))
    }

    fn give_up(&self, what: &str, patience: Duration) -> ! {
        panic!("waited {patience:?} until {what}; the product's last words:\n{}", self.log_tail())
    }

    /// Waits for a condition on the product's topics.
    pub async fn until_history(
        &self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&History) -> bool,
    ) -> History {
        let mut history = self.history();
        let look = async || {
            history.catch_up().await;
            holds(&history).then_some(())
        };
        until(SELDOM, patience, look).await.unwrap_or_else(|TooLate| self.give_up(what, patience));
        history
    }

    /// The product's topics, of which nothing is read yet.
    pub fn history(&self) -> History {
        History::of(self.topics())
    }

    /// The records of the product's topics, of which nothing is read yet.
    pub fn topics(&self) -> Topics {
        match &self.settings.cluster {
            None => Topics::of_folder(&self.data_dir()),
            Some(cluster) => Topics::of_cluster(cluster, self.clock.clone()),
        }
    }

    /// What its CRM sends about a deal that came into the stage in which it is now.
    pub fn webhook(&self, deal: &str) -> Webhook {
        let deal = self.sandbox.crm.deal(deal).expect("the deal was put into the CRM");
        let crm = self.sandbox.crm.settings();
        match deal.crm {
            Crm::Hubspot => {
                let event = webhook::hubspot_stage(crm.portal, &deal, self.now());
                Webhook::hubspot(webhook::hubspot(&[event]))
            }
            Crm::Salesforce => Webhook::salesforce(webhook::salesforce(&crm.org18, &[&deal], self.now())),
        }
    }

    /// The request of one attempt, signed now.
    pub fn sign(&self, webhook: &Webhook) -> Delivery {
        webhook.sign(&self.public_url(), self.now())
    }

    /// One attempt; an error where there was no answer.
    pub async fn post(&self, delivery: &Delivery) -> Result<Answer, reqwest::Error> {
        self.post_to(self.edge, delivery).await
    }

    /// One attempt that a load balancer gives to this edge.
    pub async fn post_to(&self, edge: SocketAddr, delivery: &Delivery) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.post(format!("http://{edge}{}", delivery.path));
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        let answer = request.body(delivery.body.clone()).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.text().await? })
    }

    /// Sends as the CRMs do: again after 503 and after no answer at all.
    pub async fn deliver(&self, webhook: &Webhook) -> Answer {
        self.until("the webhook was taken", SENDING, async || match self.post(&self.sign(webhook)).await {
            Ok(answer) if answer.status != 503 => Some(answer),
            Ok(_) | Err(_) => None,
        })
        .await
    }

    /// Puts a deal into its CRM and tells the product until it says yes.
    pub async fn win(&self, deal: Deal) {
        let id = deal.id.clone();
        self.sandbox.crm.put(deal, self.now());
        self.tell(&id).await;
    }

    /// Moves a deal to `open`, `won` or `lost`, and tells the product.
    pub async fn move_to(&self, deal: &Deal, word: &str) {
        self.sandbox.crm.set_stage(&deal.id, customers::stage(deal.crm, word), self.now());
        self.tell(&deal.id).await;
    }

    async fn tell(&self, deal: &str) {
        let answer = self.deliver(&self.webhook(deal)).await;
        assert!(answer.is_success(), "{}: {}", answer.status, answer.body);
    }

    /// The mails to an address, oldest first.
    pub fn mails_to(&self, address: &str) -> Vec<Letter> {
        let mails = self.sandbox.mailbox.mails();
        mails.iter().filter(|mail| mail.to.iter().any(|to| to == address)).map(Mail::letter).collect()
    }

    /// The gifts for an address, oldest first.
    pub fn gifts_for(&self, address: &str) -> Vec<Order> {
        let orders = self.sandbox.gifts.orders();
        orders.into_iter().filter(|order| order.recipient_email == address).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.sandbox.stop();
    }
}
