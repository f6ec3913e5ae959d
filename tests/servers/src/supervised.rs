//! A server, or the product, under a supervisor that ends it with its owner.
//!
//! The supervisor is a dozen lines of shell between us and the server. We hold the pipe that it reads: a line
//! is a signal for the server, its end is SIGKILL. A pipe is closed by the system however its owner ends, so
//! there is nothing that has to run at the end and could be missed. The supervisor has a process group of its
//! own: Ctrl-C in a terminal reaches the tests, and the servers stay until those are done.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

/// How long a server may take to become ready; a loaded machine needs a multiple of the four seconds of a
/// quiet one.
const START: Duration = Duration::from_mins(1);

/// How long a server may take to end after SIGTERM before it is killed.
const STOP: Duration = Duration::from_secs(15);

/// How often a server is asked whether it is ready.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A running server.
pub struct Supervised {
    child: Child,
    orders: Option<ChildStdin>,
}

impl Supervised {
    /// Starts `command`, its output appended to `log`.
    pub fn start(command: &[OsString], log: &Path) -> anyhow::Result<Self> {
        let failed = || format!("{} cannot be written", log.display());
        let out = File::options().create(true).append(true).open(log).with_context(failed)?;
        let errors = out.try_clone().with_context(failed)?;
        let mut child = Command::new("sh")
            .args(["-c", include_str!("supervise.sh"), "supervise"])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .context("sh cannot be started")?;
        let orders = child.stdin.take();
        Ok(Self { child, orders })
    }

    /// The supervisor's process.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until `ready` says so; an error where the server ends before or is not ready in time.
    pub(crate) async fn until_ready<F: Future<Output = bool>>(
        &mut self,
        log: &Path,
        mut ready: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while !ready().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at its start ({status}): {}", last_words(log));
            }
            if Instant::now() > deadline {
                bail!("it was not ready after {START:?}: {}", last_words(log));
            }
            sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Sends the server a signal by its name without `SIG`.
    pub async fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("the server has been stopped")?;
        orders.write_all(format!("{name}\n").as_bytes()).await.context("the server's supervisor has ended")
    }

    /// SIGKILL, and the end.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.orders = None;
        self.child.wait().await?;
        Ok(())
    }

    /// SIGTERM or another polite signal, and how it ended; SIGKILL, and no answer, where it takes too long.
    pub async fn stop(mut self, signal: &str) -> anyhow::Result<Option<ExitStatus>> {
        // A server that has ended by itself takes no orders, and needs none.
        let _ = self.signal(signal).await;
        match tokio::time::timeout(STOP, self.child.wait()).await {
            Ok(ended) => Ok(Some(ended?)),
            Err(_) => self.kill().await.map(|()| None),
        }
    }
}

/// What the server wrote last.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    format!("{} ({})", last.join(" | "), log.display())
}

#[cfg(test)]
mod tests;
