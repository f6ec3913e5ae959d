//! `with-servers COMMAND…`: runs a command with a Kafka broker and a PostgreSQL server that live as long as it.
//!
//! Both are started side by side and named by the variables of [`afterglow_servers::named`]; one that a
//! variable names already is used and not started. The exit code is the command's.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use afterglow_servers::{Kafka, Postgres, named};
use anyhow::Context as _;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How long a command that was told to end may take.
const END: Duration = Duration::from_secs(20);

/// What a shell answers where a command cannot be used (sysexits.h: `EX_USAGE`, `EX_UNAVAILABLE`).
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;

#[tokio::main]
async fn main() -> ExitCode {
    let command: Vec<_> = std::env::args_os().skip(1).collect();
    if command.is_empty() {
        say("usage: with-servers COMMAND…");
        return ExitCode::from(USAGE);
    }
    let folder = match tempfile::Builder::new().prefix("afterglow-servers-").tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            say(&format!("no folder for the servers: {error}"));
            return ExitCode::from(UNAVAILABLE);
        }
    };
    match run(&command, folder.path()).await {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(UNAVAILABLE)
        }
    }
}

/// Starts what is not named, runs the command, stops what was started.
async fn run(command: &[std::ffi::OsString], folder: &Path) -> anyhow::Result<ExitStatus> {
    let began = Instant::now();
    let mut end = Interrupted::new()?;
    let started = async { tokio::join!(kafka(folder), postgres(folder)) };
    let (kafka, postgres) = tokio::select! {
        started = started => started,
        // Dropping what has started so far ends it.
        () = end.asked() => anyhow::bail!("interrupted while the servers started"),
    };
    let (mut kafka, mut postgres) = (kafka?, postgres?);
    say(&format!("Kafka and PostgreSQL are up after {:.1} s", began.elapsed().as_secs_f32()));
    let mut run = Command::new(&command[0]);
    run.args(&command[1..]);
    if let Some(kafka) = &kafka {
        run.env(named::KAFKA, kafka.address());
    }
    if let Some(postgres) = &postgres {
        run.env(named::POSTGRES, postgres.address());
    }
    let status = match run.spawn() {
        Ok(child) => ended(child, &mut end).await,
        Err(error) => Err(error).with_context(|| format!("{} cannot be started", command[0].display())),
    };
    let stop_kafka = async { if let Some(kafka) = &mut kafka { kafka.stop().await } else { Ok(()) } };
    let stop_postgres =
        async { if let Some(postgres) = &mut postgres { postgres.stop().await } else { Ok(()) } };
    let (stopped_kafka, stopped_postgres) = tokio::join!(stop_kafka, stop_postgres);
    stopped_kafka.and(stopped_postgres)?;
    status
}

async fn kafka(folder: &Path) -> anyhow::Result<Option<Kafka>> {
    if named::given(named::KAFKA).is_some() {
        return Ok(None);
    }
    let folder = folder.join("kafka");
    std::fs::create_dir(&folder)?;
    Kafka::start(&folder).await.map(Some)
}

async fn postgres(folder: &Path) -> anyhow::Result<Option<Postgres>> {
    if named::given(named::POSTGRES).is_some() {
        return Ok(None);
    }
    let folder = folder.join("postgres");
    std::fs::create_dir(&folder)?;
    Postgres::start(&folder).await.map(Some)
}

/// Waits for the command; passes on that we are to end, and kills it where it does not.
async fn ended(mut child: Child, end: &mut Interrupted) -> anyhow::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = end.asked() => {}
    }
    if let Some(id) = child.id() {
        // It has had a Ctrl-C itself; being told twice does no harm.
        let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
    }
    if let Ok(status) = tokio::time::timeout(END, child.wait()).await {
        return Ok(status?);
    }
    child.kill().await?;
    Ok(child.wait().await?)
}

/// The signals that ask us to end.
struct Interrupted([tokio::signal::unix::Signal; 3]);

impl Interrupted {
    fn new() -> anyhow::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// A command's exit code as a shell gives it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn say(line: &str) {
    // Nobody may be listening any more; that changes nothing.
    let _ = writeln!(std::io::stderr(), "with-servers: {line}");
}
