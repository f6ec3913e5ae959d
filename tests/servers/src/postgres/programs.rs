//! `initdb` and `postgres`, of version 15 or newer.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::process::Command;

use crate::account::Account;
use crate::cache;
use crate::prepare::{install, on_path, run};

const POM: &str = include_str!("../../postgres/pom.xml");

/// The oldest major version that the product works with.
const OLDEST: u32 = 15;

/// Where Debian and its kin keep a folder per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder of the programs.
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The first that `account` can run: on the path, in Debian's folders, from Maven Central, or as a package.
    pub(crate) async fn find(account: Option<&Account>) -> anyhow::Result<Self> {
        if let Some(programs) = Self::installed(account).await {
            return Ok(programs);
        }
        match downloaded().await {
            Ok(folder) if fits(&folder, account).await => return Ok(Self(folder)),
            // Downloaded into a folder that the account cannot reach, or not at all: packages can both.
            _ => install("postgres").await?,
        }
        let installed = Self::installed(account).await;
        installed.context("PostgreSQL 15 or newer is needed: install postgresql")
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }

    async fn installed(account: Option<&Account>) -> Option<Self> {
        let on_path = on_path("initdb").and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
        for folder in on_path.into_iter().chain(debian()) {
            if fits(&folder, account).await {
                return Some(Self(folder));
            }
        }
        None
    }
}

/// Debian's folders, the newest version first.
fn debian() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| Path::new(DEBIAN).join(version.to_string()).join("bin")).collect()
}

/// Whether the folder has a server that `account` can run and that is new enough.
async fn fits(folder: &Path, account: Option<&Account>) -> bool {
    let mut command: Vec<_> =
        account.map(Account::prefix).unwrap_or_default().into_iter().map(Into::into).collect();
    command.push(folder.join("postgres").into_os_string());
    let output =
        Command::new(&command[0]).args(&command[1..]).arg("--version").current_dir("/").output().await;
    let text = output.map(|output| output.stdout).unwrap_or_default();
    major(&String::from_utf8_lossy(&text)).is_some_and(|major| major >= OLDEST)
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split(' ').nth(2)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The programs from Maven Central: a jar with an archive in it.
async fn downloaded() -> anyhow::Result<PathBuf> {
    let folder = cache::folder("postgres", POM, async |folder: &Path| {
        let into = format!("-DoutputDirectory={}", folder.display());
        cache::maven("postgres", "unpack-dependencies", &[format!("-Dplatform={}", platform()), into])
            .await?;
        let entries = std::fs::read_dir(folder)?.flatten();
        let mut files = entries.map(|entry| entry.path());
        let archive = files.find(|file| file.extension().is_some_and(|extension| extension == "txz"));
        let archive = archive.context("the jar of PostgreSQL has no archive in it")?;
        run(Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(folder)).await
    });
    Ok(folder.await?.join("bin"))
}

fn platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = if cfg!(target_arch = "aarch64") { "arm64v8" } else { "amd64" };
    format!("{system}-{processor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major(""), None);
    }

    #[tokio::test]
    async fn maven_central_has_a_server() {
        let folder = downloaded().await.unwrap();
        assert!(fits(&folder, None).await);
    }
}
