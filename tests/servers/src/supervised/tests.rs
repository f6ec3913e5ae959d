//! No server outlives its owner. `sleep` is as good a server as any here.

use super::*;

fn start(log: &Path, command: &[&str]) -> Supervised {
    let command: Vec<OsString> = command.iter().map(Into::into).collect();
    Supervised::start(&command, log).unwrap()
}

/// Waits until the server has told its process id.
async fn process(log: &Path, server: &mut Supervised) -> u32 {
    let told = || std::fs::read_to_string(log).unwrap_or_default().trim().parse().ok();
    server.until_ready(log, async || told().is_some()).await.unwrap();
    told().unwrap()
}

fn lives(process: u32) -> bool {
    // A process that has ended and was not waited for has no memory map.
    std::fs::read_to_string(format!("/proc/{process}/maps")).is_ok_and(|maps| !maps.is_empty())
}

const SERVER: [&str; 3] = ["sh", "-c", "echo $$; exec sleep 1000"];

#[tokio::test]
async fn a_server_is_killed() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut server = start(log.path(), &SERVER);
    let process = process(log.path(), &mut server).await;
    assert!(lives(process));
    server.kill().await.unwrap();
    assert!(!lives(process));
}

#[tokio::test]
async fn a_server_that_stopped_is_killed_too() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut server = start(log.path(), &SERVER);
    let process = process(log.path(), &mut server).await;
    server.signal("STOP").await.unwrap();
    server.kill().await.unwrap();
    assert!(!lives(process));
}

#[tokio::test]
async fn a_server_is_stopped_politely() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo $$; while :; do sleep 0.02; done"];
    let mut server = start(log.path(), &command);
    process(log.path(), &mut server).await;
    server.stop("TERM").await.unwrap();
    assert!(std::fs::read_to_string(log.path()).unwrap().ends_with("bye\n"));
}

#[tokio::test]
async fn a_server_does_not_outlive_a_killed_owner() {
    let log = tempfile::NamedTempFile::new().unwrap();
    // The owner is a shell that holds the pipe as we do, and is killed.
    let script = "mkfifo \"$0.pipe\"; sh -c \"$1\" supervise \"$2\" \"$3\" \"$4\" <\"$0.pipe\" & exec 9>\"$0.pipe\"; echo up >&2; exec sleep 1000 >&2";
    let mut owner = Command::new("sh")
        .args(["-c", script])
        .arg(log.path())
        .arg(include_str!("../supervise.sh"))
        .args(SERVER)
        .stdout(File::options().append(true).open(log.path()).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = None;
    while told.is_none() {
        told = std::fs::read_to_string(log.path()).unwrap().trim().parse::<u32>().ok();
        sleep(LOOK_INTERVAL).await;
    }
    let process = told.unwrap();
    assert!(lives(process));
    owner.kill().await.unwrap();
    let deadline = Instant::now() + STOP;
    while lives(process) {
        assert!(Instant::now() < deadline, "the server outlived its owner");
        sleep(LOOK_INTERVAL).await;
    }
    std::fs::remove_file(log.path().with_extension("pipe")).ok();
}

#[tokio::test]
async fn a_server_that_ends_at_its_start_says_why() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut server = start(log.path(), &["sh", "-c", "echo no disk >&2; exit 3"]);
    let error = server.until_ready(log.path(), async || false).await.unwrap_err().to_string();
    assert!(error.contains("no disk") && error.contains('3'), "{error}");
}
