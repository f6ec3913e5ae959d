//! One PostgreSQL server.

mod database;
mod programs;

pub use database::{copy, database, restore};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::ports;
use crate::prepare::run;
use crate::supervised::Supervised;
use programs::Programs;

/// How long the backends of a killed server may take to end. Until then a new one refuses its folder; in which
/// words it did cannot be relied on, since the backends write their last ones to the same log.
const BACKENDS_END: Duration = Duration::from_secs(20);

/// A server on loopback; everybody on this machine may connect as `afterglow`.
pub struct Postgres {
    programs: Programs,
    account: Option<Account>,
    settings: &'static [&'static str],
    folder: PathBuf,
    port: u16,
    running: Option<Supervised>,
}

impl Postgres {
    /// Starts a server on the cluster in `folder`, made where there is none yet; returns when it answers.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// The same with further settings, each as `name=value`.
    pub async fn start_with(folder: &Path, settings: &'static [&'static str]) -> anyhow::Result<Self> {
        let account = Account::to_drop_to()?;
        let programs = Programs::find(account.as_ref()).await?;
        let (port, folder) = (ports::free(), folder.to_owned());
        let mut postgres = Self { programs, account, settings, folder, port, running: None };
        postgres.make_cluster().await.context("PostgreSQL's folder cannot be made")?;
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// The server's URL, with its first database; the same over its restarts.
    pub fn address(&self) -> String {
        format!("postgres://afterglow@127.0.0.1:{}/postgres", self.port)
    }

    /// The process that the server runs below, alone: whose descendants' CPU is the server's.
    pub fn supervisor(&self) -> Option<u32> {
        self.running.as_ref()?.id()
    }

    /// A fresh, empty database: its URL.
    pub async fn database(&self) -> anyhow::Result<String> {
        database(&self.address()).await
    }

    /// SIGKILL to the server; its backends notice and end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.running()?.kill().await
    }

    /// The fast shutdown: sessions are ended, transactions rolled back.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.running()?.stop("INT").await.map(drop)
    }

    /// Starts it on the same folder and port; returns when it answers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            bail!("PostgreSQL is running");
        }
        let deadline = Instant::now() + BACKENDS_END;
        loop {
            match self.try_to_start().await {
                // The backends of a killed server need a moment to notice, and keep its memory until then.
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
                started => return started.context("PostgreSQL did not start"),
            }
        }
    }

    async fn try_to_start(&mut self) -> anyhow::Result<()> {
        let log = self.folder.join("postgres.out");
        let address = self.address();
        let mut server = Supervised::start(&self.server_command(), &log)?;
        server.until_ready(&log, || async { PgConnection::connect(&address).await.is_ok() }).await?;
        self.running = Some(server);
        Ok(())
    }

    async fn make_cluster(&self) -> anyhow::Result<()> {
        if self.data().exists() {
            return Ok(());
        }
        std::fs::create_dir_all(self.data())?;
        if let Some(account) = &self.account {
            account.give(&self.data())?;
        }
        let command = self.dropped("initdb");
        let mut initdb = Command::new(&command[0]);
        initdb.args(&command[1..]).args(["-U", "afterglow", "-A", "trust", "--no-sync", "-E", "UTF8"]);
        initdb.arg("--locale=C.UTF-8").arg("-D").arg(self.data()).current_dir("/");
        run(&mut initdb).await
    }

    /// `fsync` stays on: suites that kill the server count on it.
    fn server_command(&self) -> Vec<OsString> {
        let mut command = self.dropped("postgres");
        command.extend(["-D".into(), self.data().into(), "-p".into(), self.port.to_string().into()]);
        let always = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];
        for setting in always.iter().chain(self.settings) {
            command.extend(["-c".into(), setting.into()]);
        }
        command
    }

    /// A program of PostgreSQL, run as the account that may.
    fn dropped(&self, program: &str) -> Vec<OsString> {
        let prefix = self.account.iter().flat_map(Account::prefix).map(OsString::from);
        prefix.chain([self.programs.path(program).into()]).collect()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn running(&mut self) -> anyhow::Result<Supervised> {
        self.running.take().context("PostgreSQL is not running")
    }
}
