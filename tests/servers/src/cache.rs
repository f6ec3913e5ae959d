//! What Maven Central has brought, kept in `.cache` at the workspace's root.
//!
//! A folder is filled beside its place and moved there when it is whole, so that a download that was cut off
//! is never mistaken for one, and two runs at a time do not meet. Its name holds a digest of the pom: another
//! version is another folder.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::process::Command;
use uuid::Uuid;

use crate::prepare::{run, workspace};

/// The folder that `fill` makes out of the pom of `name`; nothing is done where it is there.
pub(crate) async fn folder(
    name: &str,
    pom: &str,
    fill: impl AsyncFnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let place = place(name, pom);
    if place.is_dir() {
        return Ok(place);
    }
    let cache = workspace().join(".cache");
    std::fs::create_dir_all(&cache).with_context(|| format!("{} cannot be made", cache.display()))?;
    let filling = tempfile::Builder::new().prefix("filling-").tempdir_in(&cache)?;
    fill(filling.path()).await?;
    let filling = filling.keep();
    if std::fs::rename(&filling, &place).is_err() {
        // Another run was quicker: its folder is as good as ours.
        std::fs::remove_dir_all(&filling)?;
        anyhow::ensure!(place.is_dir(), "{} cannot be made", place.display());
    }
    Ok(place)
}

/// Whether the folder is there.
pub(crate) fn holds(name: &str, pom: &str) -> bool {
    place(name, pom).is_dir()
}

fn place(name: &str, pom: &str) -> PathBuf {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, pom.as_bytes()).simple();
    workspace().join(".cache").join(format!("{name}-{digest}"))
}

/// Runs a goal of Maven's dependency plugin on the pom of `name`.
pub(crate) async fn maven(name: &str, goal: &str, settings: &[String]) -> anyhow::Result<()> {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("pom.xml");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(pom).arg(format!("dependency:{goal}")).args(settings);
    run(&mut maven).await.with_context(|| format!("{name} cannot be taken from Maven Central"))
}
