//! The tables of the scaled product.

use std::fmt;

use super::Scaled;
use super::edge::Level;
use super::timers::{Fired, Rate, Timers};
use crate::edge::Served;
use crate::report::count;

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.edge(f)?;
        self.timers(f)
    }
}

impl Scaled {
    fn edge(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, load, levels) in [
            ("Edge into Kafka, closed loop", "connections", &self.edge.closed),
            ("Edge into Kafka, open loop", "requests/s asked", &self.edge.open),
        ] {
            writeln!(
                f,
                "## {heading}

| {load} | server | requests/s | ÷ empty | p50 ms | p99 ms | server CPU µs/request | ÷ empty | broker CPU µs/request | generator CPU µs/request | not 200 | foreign % | stolen % |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"
            )?;
            for level in levels {
                served(f, "empty handler", level, &level.empty)?;
                served(f, "**edge**", level, &level.edge)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn timers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timers { bytes, trips_each, bare, empty, crowded, foreign, stolen } = &self.timers;
        writeln!(
            f,
            "## Timers on PostgreSQL

A fired timer writes {} bytes of state and {} of touchpoint, and asks the database {trips_each:.3} times (round trips on the wire, in pages of at most 500).

| | pending beside | per second | ÷ bare SQL | engine CPU µs each | database CPU µs each | WAL bytes each | deals/s beside |
|---|---|---|---|---|---|---|---|",
            count(bytes.state),
            count(bytes.outbox),
        )?;
        for (name, rate) in [("bare SQL, 1 worker", &bare[0]), ("bare SQL, 2 workers", &bare[1])] {
            fired(f, (name, "0"), (rate, rate), "")?;
        }
        let pending = count(self.scale.pending);
        for (crowd, Fired { alone, beside_deals, deals }) in [("0", empty), (pending.as_str(), crowded)] {
            fired(f, ("**fired**, 1 loop", crowd), (&alone[0], &bare[0]), "")?;
            fired(f, ("**fired**, 2 loops", crowd), (&alone[1], &bare[1]), "")?;
            let deals = deals.to_string();
            fired(f, ("**fired**, 1 loop beside deals", crowd), (beside_deals, &bare[0]), &deals)?;
        }
        writeln!(
            f,
            "
While the customers were made, one engine enrolled {} deals a second, one transaction after the other (eleven promises each).
CPU and WAL of the rows beside deals are those of the deals, too.
Foreign CPU {foreign} %, stolen {stolen} %.
",
            self.enrolled
        )
    }
}

fn served(f: &mut fmt::Formatter<'_>, name: &str, level: &Level, served: &Served) -> fmt::Result {
    let Served { rate, p50_ms, p99_ms, server_us, log_us, generator_us, refused, foreign, stolen } = served;
    let ratio = |value: f64, reference: f64| value / reference.max(f64::MIN_POSITIVE);
    let of_rate = ratio(rate.median(), level.empty.rate.median());
    let of_cpu = ratio(server_us.median(), level.empty.server_us.median());
    let broker = if log_us.is_empty() { String::new() } else { log_us.to_string() };
    writeln!(
        f,
        "| {} | {name} | {rate} | {of_rate:.2} | {p50_ms} | {p99_ms} | {server_us} | {of_cpu:.1} | {broker} | {generator_us} | {refused} | {foreign} | {stolen} |",
        count(level.load)
    )
}

fn fired(
    f: &mut fmt::Formatter<'_>,
    (name, crowd): (&str, &str),
    (rate, bare): (&Rate, &Rate),
    deals: &str,
) -> fmt::Result {
    let ratio = rate.per_second.median() / bare.per_second.median().max(1.0);
    let Rate { per_second, us_each, database_us_each, wal_bytes_each } = rate;
    writeln!(
        f,
        "| {name} | {crowd} | {per_second} | {ratio:.2} | {us_each} | {database_us_each} | {wal_bytes_each} | {deals} |"
    )
}
