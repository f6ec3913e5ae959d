//! Programs: where they are, and what installs those that are missing.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program on the path.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Lets `.ci/prepare` install what `target` needs; its one line about what it cannot goes to our standard error.
pub async fn install(target: &str) -> anyhow::Result<()> {
    let script = workspace().join(".ci/prepare");
    let status = Command::new(&script).arg(target).stdin(Stdio::null()).status().await;
    succeeded(&script, status)
}

/// Runs a command to its end; the error has the last line that it wrote.
pub async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().await;
    let name = command.as_std().get_program().display().to_string();
    let output = output.with_context(|| format!("{name} cannot be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    bail!("{name} failed ({}): {last}", output.status)
}

fn succeeded(program: &Path, status: std::io::Result<ExitStatus>) -> anyhow::Result<()> {
    let program = program.display();
    let status = status.with_context(|| format!("{program} cannot be started"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}
