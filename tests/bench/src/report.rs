//! The table: what was measured, on what, beside what, and where it disappoints.

use std::fmt;
use std::time::Duration;

use crate::edge::{Level, Served};
use crate::figure::{Figure, plain};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::options::Scale;
use crate::scaled::Scaled;
use crate::scaled::report::Aim;
use crate::timers::{Rate, Timers};

/// Timers that should fire in a second.
const TIMERS_AIM: f64 = 12_000.0;
/// How much slower a crowded store may be before it counts as slower: what two runs differ by anyway.
const CROWD_TOLERANCE: f64 = 0.9;
/// What the product should need at most.
const MEMORY_AIM_MB: f64 = 150.0;

/// Everything that was measured.
pub(crate) struct Report {
    /// On what.
    pub(crate) machine: Machine,
    /// How much.
    pub(crate) scale: Scale,
    /// When it began, to the minute.
    pub(crate) began: String,
    /// How long it took.
    pub(crate) took: Duration,
    /// The edge.
    pub(crate) edge: Vec<Level>,
    /// The timers.
    pub(crate) timers: Timers,
    /// The product's memory.
    pub(crate) memory: Memory,
    /// The scaled product, where it was measured.
    pub(crate) scaled: Option<Scaled>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.aims(f)?;
        self.edge(f)?;
        TimersTable { timers: &self.timers, pending: self.scale.pending }.fmt(f)?;
        self.memory(f)?;
        let Some(scaled) = &self.scaled else { return Ok(()) };
        writeln!(f)?;
        scaled.fmt(f)
    }
}

impl Report {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, memory_gib, kernel, file_system, rustc } = &self.machine;
        let Scale { runs, run_time, timers, pending, .. } = &self.scale;
        let (run_s, timers, pending) = (run_time.as_secs_f64(), count(*timers), count(*pending));
        writeln!(
            f,
            "# Measured: webhooks, timers, decisions, memory

Written by `make bench`; do not edit.
Every figure is the median (smallest–largest) of its runs, taken in turn with its reference in the same run of the bench: {runs} runs of the embedded product{scaled_runs}.
Every count is checked: what was answered, decided or fired is in the log, the database or the outbox, or there is no table.

| | |
|---|---|
| began | {began}, took {took} s |
| machine | {cores}, {memory_gib} GiB, shared by servers, generator and disk |
| kernel, file system | {kernel}, {file_system} |
| compiler | {rustc} |
| others | foreign: CPU of other processes; stolen: CPU that the hypervisor gave to other machines; both in percent of all cores |

How:
- **Edge:** signed HubSpot v3 webhooks of one event (about 300 bytes) through the product's server and router into the embedded log (SQLite, `synchronous=FULL`), on loopback, {run_s} s a run after a warm-up.
  The generator is one thread in a process of its own, closed loop, one request under way per connection, requests signed beforehand.
  The reference is an empty axum handler, served by axum alone: nothing is limited or counted, no signature is checked and nothing is stored.
- **Timers:** the engine's own loop fires the first moment (a gift with its mail) of {timers} customers a run, from an engine store with the other runs' customers in it; crowded, {pending} further enrolments with deal, state and timer wait for a day far ahead.
  The reference inserts rows of as many bytes, 500 in each durable transaction, on the same disk with the same settings, and does nothing else.
- **Memory:** the process of `afterglow run`, all roles, CRM and vendors unreachable.
{how}

Not measured: other disks, TLS, a network between the parts, several brokers, many events in one webhook, timers together with webhooks.
",
            how = self.scaled.as_ref().map(Scaled::how).unwrap_or_default(),
            scaled_runs = self
                .scaled
                .as_ref()
                .map(|scaled| format!(", {} of the scaled one", scaled.scale.runs))
                .unwrap_or_default(),
            began = self.began,
            took = self.took.as_secs(),
        )
    }

    /// What was aimed at, and whether it is so: the place where disappointments stand.
    fn aims(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alone, relayed) = (&self.timers.alone, &self.timers.relayed);
        let fired = alone.empty.per_second.median();
        let (all, crowded) = (relayed.empty.per_second.median(), alone.crowded.per_second.median());
        let memory = self.memory.started_mb.max(self.memory.loaded_mb);
        writeln!(f, "## Against the aims\n\n| aim | measured | |\n|---|---|---|")?;
        let mut aim = |aim: &str, measured: String, met: bool| {
            writeln!(f, "| {aim} | {measured} | {} |", if met { "met" } else { "**missed**" })
        };
        let timers_aim = plain(TIMERS_AIM);
        aim(&format!("{timers_aim} timers/s, state + outbox + re-arm"), plain(fired), fired >= TIMERS_AIM)?;
        aim(
            &format!("{timers_aim} timers/s, the relay running, until the log has them"),
            plain(all),
            all >= TIMERS_AIM,
        )?;
        let ratio = crowded / fired.max(1.0);
        let pending = count(self.scale.pending);
        aim(&format!("no slower at {pending} pending"), format!("{ratio:.2} ×"), ratio >= CROWD_TOLERANCE)?;
        let memory_aim = format!("at most {} MB", plain(MEMORY_AIM_MB));
        aim(&memory_aim, format!("{} MB", plain(memory)), memory <= MEMORY_AIM_MB)?;
        for Aim { wanted, measured, met } in self.scaled.iter().flat_map(Scaled::aims) {
            aim(&wanted, measured, met)?;
        }
        writeln!(f)
    }

    fn edge(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "## Edge

| connections | server | requests/s | ÷ empty | p50 ms | p99 ms | server CPU µs/request | generator CPU µs/request | foreign % | stolen % |
|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for level in &self.edge {
            for (name, served) in [("empty handler", &level.empty), ("**edge**", &level.edge)] {
                let ratio = served.rate.median() / level.empty.rate.median().max(1.0);
                let Served { rate, p50_ms, p99_ms, server_us, generator_us, foreign, stolen, .. } = served;
                writeln!(
                    f,
                    "| {} | {name} | {rate} | {ratio:.2} | {p50_ms} | {p99_ms} | {server_us} | {generator_us} | {foreign} | {stolen} |",
                    level.connections
                )?;
            }
        }
        writeln!(f)
    }

    fn memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { started_mb, loaded_mb, peak_mb, webhooks, load, connections } = &self.memory;
        let (started, loaded, peak) = (plain(*started_mb), plain(*loaded_mb), plain(*peak_mb));
        writeln!(
            f,
            "## Memory

| resident | MB |
|---|---|
| after start | {started} |
| after {} webhooks in {} s over {connections} connections | {loaded} |
| the most in between | {peak} |",
            plain(f64_of(*webhooks)),
            load.as_secs_f64()
        )
    }
}

/// The part about timers, which can be measured alone.
pub(crate) struct TimersTable<'a> {
    /// What was measured.
    pub(crate) timers: &'a Timers,
    /// How many waited beside, in the crowded store.
    pub(crate) pending: usize,
}

impl fmt::Display for TimersTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timers { enrolled, bytes, bare, alone, relayed, foreign, stolen } = self.timers;
        writeln!(
            f,
            "## Timers

A fired timer writes {} bytes: state, touchpoint, next timer.

| | pending beside | per second | ÷ bare loop | CPU µs each |
|---|---|---|---|---|
| bare inserts of as many bytes | | {bare} | 1.00 | |",
            plain(f64_of(*bytes))
        )?;
        let pending = count(self.pending);
        for (name, crowd, rate) in [
            ("**fired**", "0", &alone.empty),
            ("**fired**", pending.as_str(), &alone.crowded),
            ("fired and relayed into the log", "0", &relayed.empty),
            ("fired and relayed into the log", pending.as_str(), &relayed.crowded),
        ] {
            fired(f, (name, crowd), rate, bare)?;
        }
        writeln!(
            f,
            "
While the stores were made, the engine enrolled {enrolled} deals a second, in pages of 500 (eleven promises each).
Foreign CPU {foreign} %, stolen {stolen} %.
"
        )
    }
}

fn fired(f: &mut fmt::Formatter<'_>, (name, crowd): (&str, &str), rate: &Rate, bare: &Figure) -> fmt::Result {
    let ratio = rate.per_second.median() / bare.median().max(1.0);
    writeln!(f, "| {name} | {crowd} | {} | {ratio:.2} | {} |", rate.per_second, rate.us_each)
}

fn f64_of(count: u64) -> f64 {
    crate::processor::float(count)
}

/// A number of things, thousands apart.
pub(crate) fn count(number: usize) -> String {
    let number = f64_of(u64::try_from(number).unwrap_or(u64::MAX));
    if number < 100.0 { format!("{number:.0}") } else { plain(number) }
}
