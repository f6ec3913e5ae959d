//! What is asked for, and how much of everything is measured.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use tempfile::TempDir;

use crate::edge::load::Plan;
use crate::scaled::bare::worker::Plan as BarePlan;
use crate::scaled::ground::Place;
use crate::scaled::lateness::engine::Plan as EnginePlan;
use crate::scaled::scale::Scale as ScaledScale;

/// Measures Afterglow: webhooks, timers and deals per second, lateness, memory.
#[derive(Debug, Parser)]
#[command(name = "afterglow-bench", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    /// Tiny amounts, within a minute: shows that the measurement works, not how fast anything is.
    #[arg(long)]
    quick: bool,
    /// Where the table goes; RESULTS.md beside this program's source, and with --quick nowhere.
    #[arg(long)]
    results: Option<PathBuf>,
    /// On which disk to measure; the program's own folder unless told otherwise.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// The children of a measurement.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Serves the edge into a log in this folder, until standard input ends.
    #[command(hide = true)]
    ServeEdge {
        /// Where the log is.
        folder: PathBuf,
    },
    /// Serves the edge into Kafka, until standard input ends.
    #[command(hide = true)]
    ServeEdgeKafka(Place),
    /// Serves a bare edge into Kafka, until standard input ends.
    #[command(hide = true)]
    ServeBareEdge(Place),
    /// Decides on deals and fires timers as the engine does, until standard input ends.
    #[command(hide = true)]
    Engine(EnginePlan),
    /// Decides and fires nothing, as the reference does, until standard input ends.
    #[command(hide = true)]
    Bare(BarePlan),
    /// Serves an empty handler, until standard input ends.
    #[command(hide = true)]
    ServeEmpty,
    /// Measures the timers alone and prints their table, writing no results: for work on that path.
    Timers {
        /// How many others wait, in the crowded store.
        #[arg(long, default_value_t = 10_000)]
        pending: usize,
    },
    /// Measures the embedded product alone and prints its tables, writing no results: it needs no servers.
    Embedded,
    /// Measures the scaled product alone and prints its tables, writing no results.
    Scaled,
    /// Measures webhooks through the edge into Kafka alone and prints their tables, writing no results: for work
    /// on that path.
    Edge,
    /// Measures deals from Kafka to Kafka alone, in the same way.
    Decisions {
        /// How many engines, one number after the other.
        #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
        engines: Vec<usize>,
    },
    /// Measures how late timers are while deals stream in, alone, in the same way.
    Lateness,
    /// Sends webhooks and prints what came of it.
    #[command(hide = true)]
    Load(Plan),
}

/// How much is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    /// How often each figure is measured, in turn with its reference.
    pub(crate) runs: usize,
    /// The edge's connections.
    pub(crate) connections: Vec<usize>,
    /// How long one run of the edge lasts.
    pub(crate) run_time: Duration,
    /// Timers that fire in one run.
    pub(crate) timers: usize,
    /// Further enrolments with a pending timer each, in the crowded store.
    pub(crate) pending: usize,
}

impl Cli {
    /// The amounts.
    pub(crate) fn scale(&self) -> Scale {
        if self.quick {
            let run_time = Duration::from_millis(200);
            return Scale { runs: 1, connections: vec![4, 8], run_time, timers: 60, pending: 2_000 };
        }
        Scale {
            runs: 5,
            connections: vec![64, 256],
            // Long enough for hundreds of commits and for CPU ticks of ten milliseconds.
            run_time: Duration::from_secs(4),
            // About a second's worth at the aim, twenty pages or more.
            timers: 10_000,
            pending: 1_000_000,
        }
    }

    /// The amounts of the scaled product.
    pub(crate) fn scaled(&self) -> ScaledScale {
        if self.quick { ScaledScale::quick() } else { ScaledScale::full() }
    }

    /// A folder of its own, removed at the end. Others may pass through it: PostgreSQL does not run as root.
    pub(crate) fn folder(&self) -> std::io::Result<TempDir> {
        let own = std::env::current_exe()?;
        let parent = self.folder.as_deref().or_else(|| own.parent()).unwrap_or(Path::new("."));
        tempfile::Builder::new()
            .prefix("afterglow-bench-")
            .permissions(Permissions::from_mode(0o711))
            .tempdir_in(parent)
    }

    /// Where the table goes.
    pub(crate) fn results(&self) -> Option<PathBuf> {
        let beside = || (!self.quick).then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md"));
        self.results.clone().or_else(beside)
    }
}
