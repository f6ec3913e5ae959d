//! The memory of the whole product: `afterglow run` with every role, before and after webhooks.
//!
//! The resolver keeps its hints and tries again, which is when it holds most. The product is killed at the
//! end, and its log must hold every webhook that was answered with 200.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::edge::load::{Loaded, Plan};
use crate::options::Scale;
use crate::product::{Product, Settings, free_ports, shipped_journey};
use crate::{child, edge};

/// Resident memory of the product's process, in MB (10^6 bytes).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// Once it is ready.
    pub(crate) started_mb: f64,
    /// Once the last webhook was answered.
    pub(crate) loaded_mb: f64,
    /// The most that it ever had.
    pub(crate) peak_mb: f64,
    /// How many webhooks came.
    pub(crate) webhooks: u64,
    /// How long they came.
    pub(crate) load: Duration,
    /// Over how many connections.
    pub(crate) connections: usize,
}

/// Starts the product, looks, loads it, looks again.
pub(crate) async fn measure(scale: &Scale, folder: &Path) -> anyhow::Result<Memory> {
    let folder = folder.join("product");
    fs::create_dir(&folder)?;
    let [edge_port, nobody] = free_ports()?;
    let journey = shipped_journey();
    let settings = Settings { edge: edge_port, nobody, journey: &journey, ground: String::new() };
    let product = Product::start("run", &settings.write(&folder)?).await?;
    let started_mb = product.resident()?.now_mb;
    // As long as all of one level's runs at the edge, over its most connections.
    let load = scale.run_time * 3;
    let connections = scale.connections.iter().copied().max().unwrap_or(1);
    let loaded: Loaded = {
        let output = child::run(&Plan::new(edge_port, connections, load).to_args()).await?;
        serde_json::from_str(&output).context("the generator's result")?
    };
    let after = product.resident()?;
    product.kill().await?;
    let (stored, answered) = (edge::stored(&folder.join("data/log.db")).await?, loaded.answered);
    // A refusal under load may have written a part; an answer with 200 has written all.
    ensure!(stored >= answered, "{answered} webhooks were answered with 200 and {stored} are in the log");
    fs::remove_dir_all(&folder)?;
    let (loaded_mb, peak_mb) = (after.now_mb, after.peak_mb);
    Ok(Memory { started_mb, loaded_mb, peak_mb, webhooks: answered, load, connections })
}
