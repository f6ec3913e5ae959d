//! Lives from seeds.

use std::collections::BTreeSet;

use afterglow_events::Body;
use afterglow_sim::life::{Life, on_a_server, on_disk, on_the_model, report, shortened};
use afterglow_sim::op::list;
use afterglow_sim::trace::differences;
use afterglow_sim::world::Setup;

/// Lives on the model where nothing else is asked for: well under a minute on two slow cores.
const SEEDS: u64 = 100;

/// One of so many is also lived on SQLite and compared.
const PAIR_OF: u64 = 5;

/// One of so many is also lived on PostgreSQL and compared: a COMMIT there takes a disk's time.
const SERVER_OF: u64 = 20;

/// How many lives must show everything.
const EVENTFUL: u64 = 40;

/// The seeds to run: the one asked for, or as many as asked for.
fn seeds(divisor: u64) -> Vec<u64> {
    let asked = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match asked("AFTERGLOW_SEED") {
        Some(seed) => vec![seed],
        None => (0..asked("AFTERGLOW_SEEDS").unwrap_or(SEEDS) / divisor).collect(),
    }
}

/// Fails with the seed, what broke, and a list that is as short as could be made.
fn demand_sound(seed: u64, life: impl Fn(&[afterglow_sim::op::Op]) -> Vec<String>) {
    let ops = list(seed);
    if life(&ops).is_empty() {
        return;
    }
    let ops = shortened(&ops, |ops| !life(ops).is_empty());
    panic!("{}", report(seed, &life(&ops), &ops));
}

#[test]
fn every_life_on_the_model_holds_the_invariants() {
    for seed in seeds(1) {
        let setup = Setup { seed, spread: seed % 2 == 0, ..Setup::default() };
        demand_sound(seed, |ops| on_the_model(setup, ops).problems);
    }
}

#[test]
fn the_model_and_sqlite_live_the_same_life() {
    for seed in seeds(PAIR_OF) {
        let setup = Setup { seed, ..Setup::default() };
        demand_sound(seed, |ops| {
            let (model, disk) = (on_the_model(setup, ops), on_disk(setup, ops));
            let mut problems = differences(of(&model), of(&disk));
            problems.extend(model.problems.into_iter().map(|what| format!("model: {what}")));
            problems.extend(disk.problems.into_iter().map(|what| format!("SQLite: {what}")));
            problems
        });
    }
}

mod postgres {
    use super::*;

    #[test]
    fn lives_the_same_life_as_the_model() {
        for seed in seeds(SERVER_OF) {
            let setup = Setup { seed, ..Setup::default() };
            let ops = list(seed);
            let (model, server) = (on_the_model(setup, &ops), on_a_server(setup, &ops));
            let mut problems = differences(of(&model), of(&server));
            problems.extend(server.problems.iter().map(|what| format!("PostgreSQL: {what}")));
            // No shorter list is looked for: each try would take a server's seconds.
            assert!(problems.is_empty(), "{}", report(seed, &problems, &ops));
        }
    }
}

/// Lives in which nothing happens prove nothing: among a few dozen is every event and every end.
#[test]
fn the_lives_are_eventful() {
    let mut seen = BTreeSet::new();
    for seed in 0..EVENTFUL {
        let life = on_the_model(Setup { seed, spread: true, ..Setup::default() }, &list(seed));
        seen.extend(life.trace.into_values().flatten().map(|(_, kind, _)| kind));
        seen.extend(
            life.rows.attempts.iter().map(|one| format!("{} {}", one.step.as_str(), one.state.as_str())),
        );
        let joined = life.rows.budgets.iter().any(|budget| budget.joined_minor > 0);
        seen.extend(joined.then(|| "budget joined".to_owned()));
        let ends = life.rows.touchpoints.iter().filter_map(|one| one.state.conclusion.as_ref());
        seen.extend(ends.map(|end| end.outcome.clone()));
    }
    let never_here = ["afterglow.journey.declined.v1"];
    let types = Body::TYPES.iter().map(|(kind, ..)| *kind).filter(|kind| !never_here.contains(kind));
    let steps = [
        "budget joined",
        "order found",
        "order not_found",
        "order rejected",
        "notify in_doubt",
        "notify rejected",
    ];
    let ends = ["delivered", "failed", "refused", "revoked"];
    for expected in types.chain(steps).chain(ends) {
        assert!(seen.contains(expected), "no {expected} in {EVENTFUL} lives: {seen:#?}");
    }
}

fn of(life: &Life) -> (&afterglow_sim::trace::Trace, &afterglow_sim::trace::Rows) {
    (&life.trace, &life.rows)
}
