//! What was aimed at for the scaled product, and whether it is so.

use crate::figure::plain;
use crate::report::count;
use crate::scaled::Scaled;
use crate::scaled::edge::ratio;
use crate::scaled::lateness::Who;

/// At so many connections a prototype was measured, with so much of the empty handler's rate and CPU.
const EDGE_CONNECTIONS: usize = 256;
const EDGE_RATE: f64 = 0.37;
const EDGE_CPU: f64 = 2.6;
/// Timers that bare SQL of a prototype fired in a second.
const TIMERS: f64 = 17_000.0;
/// How much slower a crowded database may be before it counts as slower: what two runs differ by anyway.
const CROWD_TOLERANCE: f64 = 0.9;
/// Deals decided in a second, by however many processes.
const DEALS: f64 = 10_000.0;
/// Lateness at its 99th percentile, whoever wrote the deals.
const LATE_MS: f64 = 100.0;
/// How much of the aligned deals' rate a foreign partitioner leaves at least.
const FOREIGN_DEALS: f64 = 0.6;
/// What a role should need at most.
const MEMORY_MB: f64 = 100.0;

/// A row of the table.
pub(crate) struct Aim {
    /// What was aimed at.
    pub(crate) wanted: String,
    /// What was measured.
    pub(crate) measured: String,
    /// Whether that is so.
    pub(crate) met: bool,
}

fn at_least(wanted: String, measured: f64, least: f64, shown: String) -> Aim {
    Aim { wanted, measured: shown, met: measured >= least }
}

fn at_most(wanted: String, measured: f64, most: f64, shown: String) -> Aim {
    Aim { wanted, measured: shown, met: measured <= most }
}

impl Scaled {
    /// Everything that was aimed at.
    pub(crate) fn aims(&self) -> Vec<Aim> {
        let mut aims = self.edge_aims();
        aims.extend(self.timer_aims());
        let deals = self.decisions.iter().map(|of| of.engines.per_second.median()).fold(0.0, f64::max);
        let aim = format!("{} deals/s, Kafka → decision → Kafka, the best number of processes", plain(DEALS));
        aims.push(at_least(aim, deals, DEALS, plain(deals)));
        aims.extend(self.lateness_aims());
        // What a container's limit must allow for.
        let memory = self.needs.roles.iter().map(|role| role.loaded.peak_mb).fold(0.0, f64::max);
        let aim = format!("at most {} MB for each role, at any time", plain(MEMORY_MB));
        aims.push(at_most(aim, memory, MEMORY_MB, format!("{} MB", plain(memory))));
        aims
    }

    /// Only where the number of connections was measured that the prototype had.
    fn edge_aims(&self) -> Vec<Aim> {
        let Some(level) = self.edge.closed.iter().find(|level| level.load == EDGE_CONNECTIONS) else {
            return Vec::new();
        };
        let (rate, cpu) = (ratio(level, |served| &served.rate), ratio(level, |served| &served.server_us));
        let of_rate = format!(
            "edge into Kafka: more than {EDGE_RATE} of an empty axum handler's rate at {EDGE_CONNECTIONS} connections"
        );
        let of_cpu = format!("edge into Kafka: less than {EDGE_CPU} times its CPU");
        vec![
            at_least(of_rate, rate, EDGE_RATE, format!("{rate:.2}")),
            at_most(of_cpu, cpu, EDGE_CPU, format!("{cpu:.1}")),
        ]
    }

    fn timer_aims(&self) -> [Aim; 2] {
        let (empty, crowded) = (&self.timers.empty, &self.timers.crowded);
        let best = |rates: &[crate::scaled::timers::Rate; 2]| {
            rates.iter().map(|rate| rate.per_second.median()).fold(0.0, f64::max)
        };
        let (alone, beside) = (best(&empty.alone), best(&crowded.alone));
        let ratio = beside / alone.max(1.0);
        let aim = format!("{} timers/s on PostgreSQL, as a prototype's bare SQL", plain(TIMERS));
        let pending = count(self.scale.pending);
        [
            at_least(aim, alone, TIMERS, plain(alone)),
            at_least(
                format!("no slower there at {pending} pending"),
                ratio,
                CROWD_TOLERANCE,
                format!("{ratio:.2} ×"),
            ),
        ]
    }

    fn lateness_aims(&self) -> Vec<Aim> {
        let due = self.scale.due_per_second;
        let mut aims: Vec<Aim> = self
            .lateness
            .iter()
            .filter(|lateness| lateness.who != Who::Bare)
            .map(|lateness| {
                let (who, late) = (lateness.who, lateness.p99_ms.median());
                let aim = format!(
                    "lateness p99 at most {} ms at {due} due/s, deals flat out, {who}",
                    plain(LATE_MS)
                );
                let mut aim = at_most(aim, late, LATE_MS, format!("{} ms", plain(late)));
                aim.met &= lateness.without_deals == 0;
                aim
            })
            .collect();
        let deals = |who| {
            let found = self.lateness.iter().find(|lateness| lateness.who == who);
            found.map_or(0.0, |lateness| lateness.deals.median())
        };
        let ratio = deals(Who::Foreign) / deals(Who::Aligned).max(1.0);
        let aim = format!("foreign partitioner: at least {FOREIGN_DEALS} of the aligned deals");
        aims.push(at_least(aim, ratio, FOREIGN_DEALS, format!("{ratio:.2}")));
        let deadlocks: i64 = self.lateness.iter().map(|lateness| lateness.deadlocks).sum();
        let met = deadlocks == 0;
        aims.push(Aim { wanted: "no deadlocks".to_owned(), measured: deadlocks.to_string(), met });
        aims
    }
}
