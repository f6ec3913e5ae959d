//! The examples as programs: what they need is found, or installed once, as `tests/servers` does it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use afterglow_servers::cache;
use afterglow_servers::prepare::{install, on_path, run};
use afterglow_support::Cluster;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// How long one example may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");
const NODE_LOCK: &str = include_str!("../kafkajs/package-lock.json");

/// This folder.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The contract's folder.
fn proto() -> PathBuf {
    here().join("../../proto")
}

/// The folder of an example's language, and what runs it there.
pub struct Examples {
    folder: PathBuf,
    program: PathBuf,
    env: Vec<(&'static str, OsString)>,
    /// What was generated for it; gone with it.
    _generated: Option<TempDir>,
}

impl Examples {
    /// Python's, with code generated from `proto/` and nothing else.
    pub async fn python() -> anyhow::Result<Self> {
        let pip = async || {
            let mut pip = Command::new("python3");
            run(pip.args(["-m", "pip", "--version"])).await
        };
        if on_path("python3").is_none() || pip().await.is_err() {
            install("python").await?;
        }
        let packages = python_packages().await?;
        let generated = tempfile::tempdir()?;
        let mut protoc = Command::new("python3");
        protoc.env("PYTHONPATH", &packages).args(["-m", "grpc_tools.protoc", "-I"]).arg(proto());
        protoc.arg("--python_out").arg(generated.path());
        let contract = proto().join("afterglow/events/v1");
        for file in std::fs::read_dir(contract)? {
            protoc.arg(file?.path());
        }
        run(&mut protoc).await.context("no Python can be made of proto/")?;
        let path = std::env::join_paths([packages.as_path(), generated.path()])?;
        Ok(Self {
            folder: here().join("python"),
            program: "python3".into(),
            env: vec![("PYTHONPATH", path), ("PYTHONDONTWRITEBYTECODE", "1".into())],
            _generated: Some(generated),
        })
    }

    /// Node's, with kafkajs.
    pub async fn kafkajs() -> anyhow::Result<Self> {
        if on_path("node").is_none() || on_path("npm").is_none() {
            install("node").await?;
        }
        let folder = here().join("kafkajs");
        let packages = cache::folder("kafkajs", NODE_LOCK, async |into: &Path| {
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(folder.join(file), into.join(file))?;
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(into);
            run(&mut npm).await.context("kafkajs cannot be taken from npm")
        });
        let modules = packages.await?.join("node_modules");
        let env = vec![("NODE_PATH", modules.into()), ("PROTO", proto().into())];
        Ok(Self { folder, program: "node".into(), env, _generated: None })
    }

    /// A shell's, with kcat.
    pub async fn kcat() -> anyhow::Result<Self> {
        if on_path("kcat").is_none() {
            install("kcat").await?;
        }
        Ok(Self { folder: here().join("kcat"), program: "sh".into(), env: Vec::new(), _generated: None })
    }

    /// Runs an example against a cluster; what it prints, line by line. It must succeed.
    pub async fn run(&self, example: &str, args: &[&str], cluster: &Cluster) -> anyhow::Result<Vec<Value>> {
        let mut command = Command::new(&self.program);
        command
            .arg(self.folder.join(example))
            .args(args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("BROKERS", &cluster.brokers).env("TOPIC_PREFIX", &cluster.topic_prefix);
        command.env("SUPPRESSION_KEY", afterglow_support::settings::SUPPRESSION_KEY);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = ended.with_context(|| format!("{example} does not end"))??;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{example} failed ({}): {errors}", output.status);
        let line =
            |line: &str| serde_json::from_str(line).with_context(|| format!("{example} printed {line}"));
        std::str::from_utf8(&output.stdout)?.lines().map(line).collect()
    }
}

/// The packages of the requirements. They are built for one version of Python, so it is in the folder's name.
async fn python_packages() -> anyhow::Result<PathBuf> {
    let version = Command::new("python3").arg("--version").output().await?.stdout;
    let digested = format!("{REQUIREMENTS}{}", String::from_utf8_lossy(&version));
    cache::folder("python", &digested, async |into: &Path| {
        let requirements = here().join("python/requirements.txt");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(into);
        run(pip.arg("-r").arg(requirements)).await.context("Python's packages cannot be taken from PyPI")
    })
    .await
}
