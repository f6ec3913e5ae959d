//! `afterglow log continue`: goes on where a role's cursors and the log no longer fit.
//!
//! A role stops rather than skip or repeat in silence. After a person has decided, this makes every cursor fit
//! that would stop a role: as the store has it where its last record still stands in the log, else from the
//! partition's beginning. What is still in the log is not skipped; what was decided before is recognised.

use std::time::Duration;

use afterglow_durable::{ShardSet, Store as _, Tx as _, Writes};
use afterglow_eventlog::{Group as _, Misfit, misfits};
use afterglow_events::{Cursor, Topic};
use afterglow_service::clock::SystemClock;
use afterglow_service::exit::Exit;
use tokio::time::Instant;

use super::product::{OnProduct, Product, Where};
use super::{complain, counted, say};
use crate::cli::Outcome;
use crate::ground::{ROLES, RoleStore};

/// How long a role that has ended may be a member of its group: where it was killed, or ended before it had
/// joined, its session's six seconds, after the group has settled and before the broker looks.
const LEAVES: Duration = Duration::from_secs(15);

/// Between two looks at a group that has members.
const LOOK: Duration = Duration::from_millis(500);

/// What to do with the log.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make the cursors fit at which roles stop; those roles must not run.
    Continue(Continue),
}

/// Which cursors.
#[derive(Debug, clap::Args)]
pub(crate) struct Continue {
    #[command(flatten)]
    product: Where,
    /// Only those of this topic.
    #[arg(long, value_parser = super::tail::topic)]
    topic: Option<Topic>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// A role, what stops it, and where its cursors are kept.
struct Plan<P: Product> {
    role: RoleStore,
    store: P::Store,
    group: P::Group,
    misfits: Vec<Misfit>,
}

impl<P: Product> Plan<P> {
    /// Whether the role runs, as far as its group knows.
    fn runs(&self) -> bool {
        self.group.members() > 0
    }
}

pub(crate) fn run(command: &Command) -> Outcome {
    let Command::Continue(asked) = command;
    asked.product.run(asked)
}

impl OnProduct for Continue {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        // Only one of us: a running product keeps its cursors in memory.
        let _held = match product.hold() {
            Ok(held) => held,
            Err(error) => {
                complain(format_args!("{error}"));
                return Ok(error.exit());
            }
        };
        let plans = if self.dry_run { self.plans(product).await? } else { self.rested(product).await? };
        for plan in &plans {
            for misfit in &plan.misfits {
                say(format_args!("{}", line(plan.role.role, misfit)))?;
            }
        }
        if self.dry_run {
            let count = plans.iter().map(|plan| plan.misfits.len()).sum();
            say(format_args!("{} would be moved", counted(count, "cursor", "cursors")))?;
            return Ok(Exit::Ok);
        }
        if runs(&plans) {
            return Ok(Exit::Locked);
        }
        let mut moved = 0;
        for plan in plans {
            moved += carry_out(plan).await?;
        }
        say(format_args!("{} moved", counted(moved, "cursor", "cursors")))?;
        Ok(Exit::Ok)
    }
}

impl Continue {
    /// The plans, once the members have left of roles that ended a moment ago; a role that runs stays.
    async fn rested<P: Product>(&self, product: &P) -> anyhow::Result<Vec<Plan<P>>> {
        let until = Instant::now() + LEAVES;
        let mut told = false;
        loop {
            let plans = self.plans(product).await?;
            let running = plans.iter().find(|plan| plan.runs());
            let Some(running) = running.filter(|_| Instant::now() < until) else { return Ok(plans) };
            if !told {
                let (role, seconds) = (running.role.role, LEAVES.as_secs());
                complain(format_args!("{role} runs, or has just ended: looking for {seconds} seconds"));
                told = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The roles that stop somewhere.
    async fn plans<P: Product>(&self, product: &P) -> anyhow::Result<Vec<Plan<P>>> {
        let log = product.log().await?;
        let now = SystemClock::shared().now();
        let topics = self.topic.map_or(Topic::ALL.to_vec(), |topic| vec![topic]);
        let mut plans = Vec::new();
        for role in ROLES {
            let store = product.store(&role).await?;
            // The group first: a role that runs is never ahead of its own store, so it is not taken for a misfit.
            let group = product.group(&role).await?;
            let cursors = store.cursors(role.role).await?;
            let misfits = misfits(&log, &group, (&topics, &cursors), now).await?;
            if !misfits.is_empty() {
                plans.push(Plan { role, store, group, misfits });
            }
        }
        Ok(plans)
    }
}

/// Whether one of the roles runs; which, is said.
fn runs<P: Product>(plans: &[Plan<P>]) -> bool {
    let running: Vec<_> = plans.iter().filter(|plan| plan.runs()).collect();
    for plan in &running {
        let members = counted(plan.group.members(), "member", "members");
        complain(format_args!(
            "{} runs: its group has {members}; stop it. Nothing was moved.",
            plan.role.role
        ));
    }
    !running.is_empty()
}

/// Moves group and store, the group first: it refuses where a member has come meanwhile, and a store that did
/// not follow is found again by the next run.
async fn carry_out<P: Product>(plan: Plan<P>) -> anyhow::Result<usize> {
    let (count, role) = (plan.misfits.len(), plan.role.role);
    let forget =
        plan.misfits.iter().map(|misfit| (role.to_owned(), misfit.topic, misfit.partition)).collect();
    let moved: Vec<Cursor> = plan.misfits.into_iter().filter_map(|misfit| misfit.to).collect();
    plan.group.move_to(moved.clone()).await?;
    let cursors = moved.into_iter().map(|cursor| (role.to_owned(), cursor)).collect();
    let mut tx = plan.store.begin(&ShardSet::default()).await?;
    tx.write(Writes { forget, cursors, ..Writes::default() }).await?;
    tx.commit().await?;
    Ok(count)
}

/// `ingest: afterglow.deals.v1 partition 3 goes on at 0 (was at 40), 10 records ahead: the log ends at 10`
fn line(role: &str, misfit: &Misfit) -> String {
    let Misfit { topic, partition, what, from, to, ahead } = misfit;
    let was = from.map_or("had no cursor".to_owned(), |offset| format!("was at {offset}"));
    let ahead = usize::try_from(*ahead).unwrap_or_default();
    let then = match to {
        Some(cursor) => {
            let records = counted(ahead, "record", "records");
            format!("goes on at {} ({was}), {records} ahead", cursor.next_offset)
        }
        None => format!("is forgotten ({was})"),
    };
    format!("{role}: {topic} partition {partition} {then}: {what}")
}

#[cfg(test)]
mod tests {
    use afterglow_domain::Timestamp;

    use super::*;

    #[test]
    fn a_move_is_said_in_a_line() {
        let (topic, what) = (Topic::Deals, "we are at offset 40, the log ends at 10".to_owned());
        let at = Timestamp::EPOCH;
        let to = Cursor { topic, partition: 3, next_offset: 0, last_event_id: String::new(), at };
        let misfit = Misfit { topic, partition: 3, what, from: Some(40), to: Some(to), ahead: 10 };
        assert_eq!(
            line("ingest", &misfit),
            "ingest: afterglow.deals.v1 partition 3 goes on at 0 (was at 40), 10 records ahead: we are at offset 40, the log ends at 10"
        );
        let gone = line("ingest", &Misfit { to: None, from: None, ..misfit });
        assert!(gone.starts_with("ingest: afterglow.deals.v1 partition 3 is forgotten (had no cursor): "));
    }
}
