//! This program again, as a server or a load generator with a process of its own.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a server may take to start, and to end once its standard input has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that has told its port. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    /// The server ends when this does.
    standard_input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Where it listens on loopback; 0 where it serves nobody.
    pub(crate) port: u16,
    /// Its process.
    pub(crate) pid: u32,
}

impl Server {
    /// Starts a server role with its arguments and waits for its port, the first line that it prints.
    pub(crate) async fn start(role: &str, args: &[&OsStr]) -> anyhow::Result<Self> {
        let mut command = own();
        command.arg(role).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| role.to_owned())?;
        let standard_input = child.stdin.take().context("standard input was asked for")?;
        let mut output = BufReader::new(child.stdout.take().context("standard output was asked for")?);
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, output.read_line(&mut line)).await??;
        let port = line.trim().parse().with_context(|| format!("{role} told no port: {line:?}"))?;
        let pid = child.id().context("the server has ended")?;
        Ok(Self { child, standard_input, output, port, pid })
    }

    /// Ends it in order, so that its files are whole; what it printed behind its port.
    pub(crate) async fn stop(mut self) -> anyhow::Result<String> {
        drop(self.standard_input);
        let mut printed = String::new();
        let ended = async {
            self.output.read_to_string(&mut printed).await?;
            self.child.wait().await
        };
        let status = tokio::time::timeout(PATIENCE, ended).await??;
        ensure!(status.success(), "a server ended with {status}");
        Ok(printed)
    }
}

/// Runs a role to its end; what it printed.
pub(crate) async fn run(args: &[String]) -> anyhow::Result<String> {
    let output = own().args(args).stdin(Stdio::null()).stderr(Stdio::inherit()).output().await?;
    if !output.status.success() {
        bail!("{} ended with {}", args.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// This program.
pub(crate) fn own() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.kill_on_drop(true);
    command
}
