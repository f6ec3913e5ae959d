//! A whole life: a list of operations, rest, the checks, and everything once more.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use afterglow_domain::Clock;

use crate::ground::{Disk, Fates, Ground, Model, Server};
use crate::op::Op;
use crate::trace::{Rows, Trace, differences};
use crate::world::{Setup, World};

/// What a life left.
#[derive(Debug)]
pub struct Life {
    /// What did not hold; empty where all is well.
    pub problems: Vec<String>,
    /// The log at rest.
    pub trace: Trace,
    /// The rows at rest.
    pub rows: Rows,
}

/// A life on the model. At its end every role reads the whole log again, which must change nothing.
pub fn on_the_model(setup: Setup, ops: &[Op]) -> Life {
    let ground = async |fates: &Fates, clock: Arc<dyn Clock>| Model::new(fates, clock, setup.spread);
    block(async {
        let (mut world, mut life) = live(setup, ops, ground).await;
        if life.problems.is_empty() {
            world.replay().await;
            let rows = world.rows().await;
            let trace = once(world.trace().await);
            let before = once(life.trace.clone());
            let again = differences((&before, &life.rows.clone().unlooked()), (&trace, &rows.unlooked()));
            life.problems = again.into_iter().map(|what| format!("2: after a replay, {what}")).collect();
        }
        life
    })
}

/// A life on SQLite files.
pub fn on_disk(setup: Setup, ops: &[Op]) -> Life {
    let ground = async |fates: &Fates, clock: Arc<dyn Clock>| Disk::new(fates, clock).await;
    block(async { live(setup, ops, ground).await.1 })
}

/// A life on PostgreSQL.
pub fn on_a_server(setup: Setup, ops: &[Op]) -> Life {
    let ground = async |fates: &Fates, clock: Arc<dyn Clock>| Server::new(fates, clock).await;
    block(async { Box::pin(live(setup, ops, ground)).await.1 })
}

async fn live<G: Ground>(
    setup: Setup,
    ops: &[Op],
    ground: impl AsyncFnOnce(&Fates, Arc<dyn Clock>) -> G,
) -> (World<G>, Life) {
    let mut world = World::new(setup, ground).await;
    for (index, op) in ops.iter().enumerate() {
        world.apply(index, *op).await;
    }
    world.come_to_rest().await;
    let rows = world.rows().await;
    world.check(&rows).await;
    let trace = world.trace().await;
    let problems = std::mem::take(&mut world.watch.problems);
    (world, Life { problems, trace, rows })
}

/// The trace without repetitions.
fn once(trace: Trace) -> Trace {
    let first = |lines: Vec<crate::trace::Line>| {
        let mut seen = BTreeSet::new();
        lines.into_iter().filter(|(id, ..)| seen.insert(id.clone())).collect()
    };
    // The webhooks have no identity of their own, and reading them again adds none.
    trace.into_iter().map(|(key, lines)| (key, first(lines))).collect()
}

/// The shortest list found that still breaks something: pieces are left out while `broken` says so.
pub fn shortened(ops: &[Op], broken: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut ops = ops.to_vec();
    let mut piece = ops.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < ops.len() {
            let mut shorter = ops.clone();
            shorter.drain(at..(at + piece).min(ops.len()));
            if broken(&shorter) {
                ops = shorter;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    ops
}

/// What a failing seed says: itself, what broke, and the operations.
pub fn report(seed: u64, problems: &[String], ops: &[Op]) -> String {
    let ops: Vec<String> = ops.iter().map(|op| format!("    Op::{op:?},")).collect();
    format!(
        "seed {seed}: {}\n\noperations:\n{}\n\nagain: AFTERGLOW_SEED={seed} cargo test --package afterglow-sim",
        problems.join("\n  "),
        ops.join("\n")
    )
}

fn block<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs nothing special").block_on(life)
}
