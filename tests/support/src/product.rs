//! The product as a process: started, signalled, killed; never outliving its test.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// How long a process may take to end after it was told to: its own drain's deadline and some.
const END: Duration = Duration::from_secs(20);

/// The product's program, in the same target folder as the test's own: beside it, or one folder above a suite.
pub fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let above = own.ancestors().skip(1).take(2).map(|folder| folder.join("afterglow"));
    above.into_iter().find(|path| path.is_file()).expect("`afterglow` is not there: run `cargo build` first")
}

/// How to start it.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Path,
    /// `run`, or a role of its own.
    pub(crate) command: &'a str,
    pub(crate) config: &'a Path,
    /// Standard output and error are added to this file.
    pub(crate) log: &'a Path,
    pub(crate) env: Vec<(&'static str, String)>,
    /// No file may grow beyond so many kibibytes: how a full disk looks without being one.
    pub(crate) file_kib_max: Option<u64>,
}

/// A running product. Dropping it kills it.
#[derive(Debug)]
pub struct Product {
    child: Child,
}

impl Product {
    pub(crate) fn launch(launch: &Launch<'_>) -> Self {
        let mut command = match launch.file_kib_max {
            None => Command::new(launch.program),
            Some(kib) => {
                let mut shell = Command::new("sh");
                // POSIX counts in 512-byte blocks. Ignored, the signal becomes an error of the write.
                let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
                shell.arg("-c").arg(limited).arg(launch.program);
                shell
            }
        };
        let log = OpenOptions::new().create(true).append(true).open(launch.log).unwrap();
        let child = command
            .args([launch.command, "--config"])
            .arg(launch.config)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(clone(&log))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", launch.program.display()));
        Self { child }
    }

    /// SIGKILL, and the end.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; the exit code after the drain.
    pub async fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().expect("the process was not waited for yet");
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().await.unwrap();
        assert!(told.success(), "the process {pid} cannot be signalled");
        self.ended().await
    }

    /// The exit code, once it ends by itself; `None` if a signal ended it.
    pub async fn ended(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(END, self.child.wait()).await;
        ended.expect("the process ends within its deadline").unwrap().code()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

fn clone(file: &File) -> File {
    file.try_clone().unwrap()
}
