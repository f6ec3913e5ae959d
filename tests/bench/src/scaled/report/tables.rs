//! Each part's table.

use std::fmt;

use crate::edge::Served;
use crate::figure::plain;
use crate::report::count;
use crate::scaled::Scaled;
use crate::scaled::decisions::{Decisions, Replicas};
use crate::scaled::edge::{Edge, Level};
use crate::scaled::lateness::{Lateness, Who};
use crate::scaled::roles::{Needs, Role};
use crate::scaled::timers::{Fired, Rate, Timers};

pub(super) fn edge(f: &mut fmt::Formatter<'_>, edge: &Edge) -> fmt::Result {
    for (heading, load, levels) in [
        ("Edge into Kafka, closed loop", "connections", &edge.closed),
        ("Edge into Kafka, open loop", "requests/s asked", &edge.open),
    ] {
        writeln!(
            f,
            "## {heading}

| {load} | server | requests/s | ÷ empty | p50 ms | p99 ms | server CPU µs/request | ÷ empty | broker CPU µs/request | generator CPU µs/request | not 200 | foreign % | stolen % |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for level in levels {
            served(f, "empty handler", level, &level.empty)?;
            served(f, "bare edge", level, &level.bare)?;
            served(f, "**edge**", level, &level.edge)?;
        }
        writeln!(f)?;
    }
    Ok(())
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

pub(super) fn timers(f: &mut fmt::Formatter<'_>, scaled: &Scaled) -> fmt::Result {
    let Timers { bytes, trips_each, bare, empty, crowded, foreign, stolen } = &scaled.timers;
    writeln!(
        f,
        "## Timers on PostgreSQL

A fired timer writes {} bytes of state and {} of touchpoint, and needs {trips_each:.3} round trips to the database (counted on the wire; a page has at most 500).

| | pending beside | per second | ÷ bare SQL | engine CPU µs each | database CPU µs each | WAL bytes each | deals/s beside |
|---|---|---|---|---|---|---|---|",
        count(bytes.state.len()),
        count(bytes.touchpoint.len()),
    )?;
    for (name, rate) in [("bare SQL, 1 worker", &bare[0]), ("bare SQL, 2 workers", &bare[1])] {
        fired(f, (name, "0"), (rate, rate), "")?;
    }
    let pending = count(scaled.scale.pending);
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
        scaled.enrolled
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

pub(super) fn decisions(f: &mut fmt::Formatter<'_>, decisions: &[Decisions]) -> fmt::Result {
    writeln!(
        f,
        "## Decisions

Deals on Kafka become enrolments, whose events are on Kafka at the end; CPU in percent of all cores.

| processes | of | deals/s | ÷ bare | least busy process's part % | their CPU µs each | they % | broker % | database % | bench % | foreign % | stolen % |
|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for Decisions { engines, bare } in decisions {
        for (name, replicas) in [("bare loop", bare), ("**journey-engine**", engines)] {
            decided(f, name, replicas, bare)?;
        }
    }
    writeln!(f)
}

fn decided(f: &mut fmt::Formatter<'_>, name: &str, replicas: &Replicas, bare: &Replicas) -> fmt::Result {
    let Replicas { processes, per_second, least_part, us_each, .. } = replicas;
    let Replicas { engines, kafka, postgres, bench, foreign, stolen, .. } = replicas;
    let ratio = per_second.median() / bare.per_second.median().max(1.0);
    let least_part = if least_part.is_empty() { String::new() } else { least_part.to_string() };
    writeln!(
        f,
        "| {processes} | {name} | {per_second} | {ratio:.2} | {least_part} | {us_each} | {engines} | {kafka} | {postgres} | {bench} | {foreign} | {stolen} |"
    )
}

pub(super) fn lateness(f: &mut fmt::Formatter<'_>, lateness: &[Lateness]) -> fmt::Result {
    writeln!(
        f,
        "## Lateness

| partitions of the deals | late p50 ms | late p99 ms | p99 ÷ bare | timers/s | deals/s beside | runs whose deals ended first | deadlocks | foreign % | stolen % |
|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let bare = lateness.iter().find(|of| of.who == Who::Bare).map_or(0.0, |of| of.p99_ms.median());
    for Lateness { who, p50_ms, p99_ms, fired, deals, without_deals, deadlocks, foreign, stolen } in lateness
    {
        let ratio = p99_ms.median() / bare.max(f64::MIN_POSITIVE);
        let who = if *who == Who::Bare { who.to_string() } else { format!("**{who}**") };
        writeln!(
            f,
            "| {who} | {p50_ms} | {p99_ms} | {ratio:.1} | {fired} | {deals} | {without_deals} | {deadlocks} | {foreign} | {stolen} |"
        )?;
    }
    writeln!(f)
}

pub(super) fn needs(f: &mut fmt::Formatter<'_>, needs: &Needs) -> fmt::Result {
    let Needs { roles, idle, webhooks, load, connections, deals } = needs;
    writeln!(
        f,
        "## Memory and idle CPU of each role

Idle: {} s in which nothing came.
Load: {} webhooks in {} s over {connections} connections, then {} deals with a touchpoint each.

| role | after start MB | after the load MB | the most in between MB | idle, CPU in percent of one core |
|---|---|---|---|---|",
        idle.as_secs_f64(),
        plain(crate::processor::float(*webhooks)),
        load.as_secs_f64(),
        count(*deals),
    )?;
    for Role { name, started, idle, loaded } in roles {
        let (start, now, peak) = (plain(started.now_mb), plain(loaded.now_mb), plain(loaded.peak_mb));
        writeln!(f, "| {name} | {start} | {now} | {peak} | {} |", plain(*idle))?;
    }
    Ok(())
}
