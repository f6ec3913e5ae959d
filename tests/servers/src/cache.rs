//! What a registry has brought, kept in `.cache` at the workspace's root.
//!
//! A folder is filled beside its place and moved there when it is whole, so that a download that was cut off
//! is never mistaken for one, and two runs at a time do not meet. Its name holds a digest of the list that it was filled by
//! (a pom, a lock file): another version is another folder.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::process::Command;
use uuid::Uuid;

use crate::prepare::{run, workspace};

/// The folder that `fill` makes out of the list of `name`; nothing is done where it is there.
pub async fn folder(
    name: &str,
    list: &str,
    fill: impl AsyncFnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let place = place(name, list);
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
pub fn holds(name: &str, list: &str) -> bool {
    place(name, list).is_dir()
}

fn place(name: &str, list: &str) -> PathBuf {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, list.as_bytes()).simple();
    workspace().join(".cache").join(format!("{name}-{digest}"))
}

/// Runs a goal of Maven's dependency plugin on the pom of `name`.
pub(crate) async fn maven(name: &str, goal: &str, settings: &[String]) -> anyhow::Result<()> {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("pom.xml");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(pom).arg(format!("dependency:{goal}")).args(settings);
    run(&mut maven).await.with_context(|| format!("{name} cannot be taken from Maven Central"))
}
