//! A world to try the product in: a gift vendor with a ledger, a mailbox, and both CRMs, on loopback.
//!
//! `afterglow run --demo` plays in it, and the test suites do. Invariants: it talks to the product over
//! real sockets only; every gift and mail is kept, and answers can be lost *after* acting, which is the
//! fault that doubles gifts. Its misbehaviour is seeded: the same seed and the same calls give the same
//! faults. People in it are fictional, so names are plain text here.
//! Deliberately absent: webhooks on its own account; a caller plays them with [`crm::webhook`].

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use afterglow_domain::Clock;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod chance;
pub mod crm;
mod demo;
pub mod gifts;
mod journal;
pub mod mailbox;
mod page;
mod server;
mod shared;

pub use demo::demo_deals;

/// How a sandbox starts.
pub struct Options {
    /// Dates orders and mails.
    pub clock: Arc<dyn Clock>,
    /// Where gifts and mails survive the process; without it they live in memory.
    pub folder: Option<PathBuf>,
    /// For runs with millions of mails: of a mail nothing is kept but its Message-ID.
    pub bulk: bool,
    /// The bearer token that the gift vendor accepts.
    pub gift_key: String,
    /// What the CRMs accept and who they are.
    pub crm: crm::Settings,
}

/// A running sandbox.
#[derive(Clone)]
pub struct Sandbox {
    /// Where its HTTP server listens.
    pub http: SocketAddr,
    /// Where its mail server listens.
    pub smtp: SocketAddr,
    /// The gift vendor.
    pub gifts: gifts::Gifts,
    /// The mailbox.
    pub mailbox: mailbox::Mailbox,
    /// The records of both CRMs.
    pub crm: crm::Records,
    stop: CancellationToken,
}

impl Sandbox {
    /// Binds two free ports on loopback and serves on `tasks` until [`Sandbox::stop`].
    /// Fails if the folder cannot be used or holds a file that is not its own.
    pub async fn start(options: Options, tasks: &TaskTracker) -> io::Result<Self> {
        let http = TcpListener::bind("127.0.0.1:0").await?;
        let smtp = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", http.local_addr()?);
        let file = |name: &str| options.folder.as_ref().map(|folder| folder.join(name));
        let sandbox = Self {
            http: http.local_addr()?,
            smtp: smtp.local_addr()?,
            gifts: gifts::Gifts::open(
                (file("gifts.jsonl").as_deref(), options.bulk),
                options.gift_key,
                options.clock.clone(),
                base.clone(),
            )?,
            mailbox: mailbox::Mailbox::open((file("mailbox.jsonl").as_deref(), options.bulk), options.clock)?,
            crm: crm::Records::new(options.crm, base),
            stop: CancellationToken::new(),
        };
        let stop = sandbox.stop.clone();
        tasks.spawn(server::serve(http, sandbox.router(), tasks.clone(), stop.clone()));
        tasks.spawn(mailbox::smtp::serve(smtp, sandbox.mailbox.clone(), tasks.clone(), stop));
        Ok(sandbox)
    }

    /// The gift vendor's base URL, as a configuration has it.
    pub fn gifts_url(&self) -> String {
        format!("http://{}/tremendous", self.http)
    }

    /// HubSpot's base URL.
    pub fn hubspot_url(&self) -> String {
        format!("http://{}/hubspot", self.http)
    }

    /// Salesforce's base URL (its "My Domain").
    pub fn salesforce_url(&self) -> String {
        format!("http://{}/salesforce", self.http)
    }

    /// A page for people: `mailbox` or `gifts`.
    pub fn page_url(&self, page: &str) -> String {
        format!("http://{}/{page}", self.http)
    }

    /// Stops serving; connections are cut. The tracker says when the last task has ended.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    fn router(&self) -> Router {
        gifts::router(&self.gifts).merge(mailbox::router(&self.mailbox)).merge(crm::router(&self.crm))
    }
}

#[cfg(test)]
mod tests;
