//! The fault run over the scaled product: two replicas of each role, the broker and the database, all of them
//! killed over and over while deals pour in.
//!
//! A run is a folder: what was accepted and done stands in its [`Book`], the servers and the vendors keep their
//! own files beside it, and whoever starts the run again on the folder goes on with it. Invariant: nothing that
//! was started outlives the run. Deliberately absent: waiting for what was killed; the next kill may hit its
//! start.

mod book;
mod database;
mod director;
mod field;
mod fleet;
mod sender;
mod servers;
mod summary;
mod victim;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use afterglow_sandbox::gifts::Faults;
use afterglow_support::{Cluster, Settings, World, product};

use crate::plan::Plan;
use crate::promise::{JOURNEY, MOMENTS};
use crate::watch::Watch;
use crate::{Violation, check};

pub use book::Book;
use director::Director;
use field::Field;
use fleet::Fleet;
use servers::Servers;
pub use summary::{Summary, Takeover};
pub use victim::Victim;

/// Wall seconds of a journey's day.
const SECONDS_PER_DAY: u32 = 4;

/// How long everything that was accepted may take to end after the last kill: eleven days of four seconds, half
/// a minute until the dead replicas' calls are looked up, and room for a slow machine. A run that stands still for
/// as long before that is given up, too.
const QUIET: Duration = Duration::from_mins(5);

/// What a run leaves behind.
pub struct Outcome {
    /// The figures.
    pub summary: Summary,
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// Whether every role drained and ended by itself when it was told to.
    pub drained: bool,
}

/// Runs the plan in the folder, or what is left of it there; `say` is told how it goes.
pub async fn run(folder: &Path, plan: &Plan, say: fn(&str)) -> Outcome {
    let (book, resumed) = Book::open(folder, plan);
    let servers = Servers::start(folder).await;
    // A build beside a long run must not change what is run.
    let program = folder.join("afterglow");
    std::fs::copy(product::program(), &program).unwrap();
    let world = Arc::new(world(folder, program, servers.cluster().clone()).await);
    database::prepare(&world, servers.cluster(), book.last_noted().filter(|_| resumed)).await;
    book.begin();
    world.sandbox.gifts.set_faults(Faults {
        seed: plan.seed,
        lose_percent: plan.lose_percent,
        ..Faults::default()
    });
    let fleet = Fleet::launch(world.clone());
    let field = Field::new(world.clone(), plan, book, fleet, servers);
    let watch = Watch::of(world.topics(), MOMENTS, Duration::from_secs(u64::from(SECONDS_PER_DAY)));
    let mut director = Director { field: field.clone(), watch, say };
    director.direct().await;
    let Director { mut watch, .. } = director;
    watch.evidence.take_world(&world.sandbox, &mut watch.names);
    watch.evidence.take_doubts(&database::doubts(&field.cluster).await);
    watch.evidence.accepted = field.book.accepted();
    let due = watch.waits.due().map(ToString::to_string).collect();
    for (touchpoint, at) in database::received(&field.cluster, due).await {
        watch.waits.received(&touchpoint, at);
    }
    let violations = check(&watch.evidence, MOMENTS);
    let summary = Summary::of(&field, &watch, violations.len());
    for wait in summary.takeover.killed.iter().chain(&summary.takeover.stopped) {
        say(&format!("waited longest: {wait}"));
    }
    let drained = field.end().await;
    field.book.end(&summary.to_string());
    Outcome { summary, violations, drained }
}

async fn world(folder: &Path, program: PathBuf, cluster: Cluster) -> World {
    World::new(Settings {
        seconds_per_day: SECONDS_PER_DAY,
        program: Some(program),
        cluster: Some(cluster),
        folder: Some(folder.to_owned()),
        keep: true,
        bulk: true,
        ..Settings::with_journey(JOURNEY)
    })
    .await
}
