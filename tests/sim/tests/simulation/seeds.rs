//! Lives from seeds.

use afterglow_sim::life::{Life, on_disk, on_the_model, report, shortened};
use afterglow_sim::op::list;
use afterglow_sim::trace::differences;
use afterglow_sim::world::Setup;

/// Lives on the model where nothing else is asked for: some thirty seconds on two slow cores.
const SEEDS: u64 = 200;

/// One of so many is also lived on SQLite and compared.
const PAIR_OF: u64 = 5;

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

fn of(life: &Life) -> (&afterglow_sim::trace::Trace, &afterglow_sim::trace::Rows) {
    (&life.trace, &life.rows)
}
