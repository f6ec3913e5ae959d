//! What may happen, and a list of it from a seed.
//!
//! Numbers in an operation that name a deal, a delivery or a mail are taken modulo what there is, so that
//! every operation means something everywhere and a shortened list is still a list.

use afterglow_durable::store::CommitFault;
use afterglow_events::Topic;

use crate::chance::Dice;

/// How many deals the world has.
pub const DEALS: usize = 5;

/// The most operations in a generated list.
const OPS_MAX: u64 = 160;

/// The fewest.
const OPS_MIN: u64 = 60;

/// A stage of the CRM's pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Being negotiated.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
}

/// What somebody changes in a deal without moving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The amount grows.
    Amount,
    /// The close date moves by so many days.
    CloseDate(i64),
    /// The contact comes, or goes.
    Contact,
    /// The owner changes.
    Owner,
    /// The deal gets an account, or another one.
    Account,
}

/// One of the roles with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The resolver.
    Ingest,
    /// The journey engine.
    Engine,
    /// The dispatcher.
    Dispatcher,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Engine, Self::Dispatcher];
}

/// How something outside behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// As it should.
    #[default]
    Well,
    /// It refuses everything.
    Down,
    /// It acts, and its answers get lost. (The CRM: it answers what was true one change ago.)
    Odd,
    /// It asks for a pause. (The log: as `Down`.)
    Busy,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A deal moves to a stage.
    Move(usize, Stage),
    /// A deal is changed.
    Amend(usize, Edit),
    /// The first deal goes into the second.
    Merge(usize, usize),
    /// A deal is deleted.
    Delete(usize),
    /// A deleted deal is restored.
    Restore(usize),
    /// The CRM delivers one of its waiting webhooks, whichever.
    Deliver(usize),
    /// The CRM delivers up to so many waiting webhooks in one signed batch, the newest first.
    DeliverBatch(usize),
    /// The CRM delivers again what was taken already.
    DeliverAgain(usize),
    /// A webhook is lost on its way, for ever.
    LoseWebhook(usize),
    /// Somebody sends a webhook without a valid signature.
    Forge,
    /// The CRM sends, properly signed, what nobody can read.
    Garbage,
    /// The resolver takes hints.
    Hints,
    /// The resolver claims what is due.
    Claim,
    /// The resolver reads what it claimed.
    Read,
    /// The resolver settles what it read.
    Settle,
    /// The engine decides on records.
    EngineRecords,
    /// The engine fires due timers.
    EngineTimers,
    /// The dispatcher decides on records.
    DispatcherRecords,
    /// The dispatcher claims what is due, and calls.
    Claims,
    /// A role's relay makes one round.
    Relay(Role),
    /// Every loop of the product makes one round.
    Round,
    /// Time passes, in seconds.
    Advance(u64),
    /// The clock jumps back, in seconds.
    JumpBack(u64),
    /// The process dies and starts again on its stores.
    Crash,
    /// In the next step of a role, the commit after `skip` others has this fate.
    Fault(Role, u8, CommitFault),
    /// How the log behaves from now on.
    Log(Mood),
    /// How the CRM behaves from now on.
    Crm(Mood),
    /// Whether vendors refuse, lose and forget from now on, or not.
    Vendors(Mood),
    /// The reader of a mail that arrived unsubscribes.
    Unsubscribe(usize),
    /// A record of a topic appears once more in the log.
    Repeat(Topic, usize),
    /// The journeys are published in this wording.
    Publish(u8),
}

/// The list of a seed.
pub fn list(seed: u64) -> Vec<Op> {
    let mut dice = Dice::new(seed);
    let count = dice.between(OPS_MIN, OPS_MAX);
    // One deal at least is won, so that no seed is idle; and half of the vendors are moody.
    let first = dice.below(DEALS);
    let vendors = Op::Vendors(dice.of(&[Mood::Well, Mood::Odd]));
    let mut ops = vec![vendors, Op::Move(first, Stage::Won), Op::Deliver(0), Op::Round];
    ops.extend((0..count).map(|_| one(&mut dice)));
    ops
}

fn one(dice: &mut Dice) -> Op {
    match dice.below(100) {
        0..15 => change(dice),
        15..30 => delivery(dice),
        30..58 => step(dice),
        58..70 => Op::Round,
        70..87 => time(dice),
        87..96 => trouble(dice),
        96 => Op::Unsubscribe(dice.below(8)),
        97..99 => Op::Repeat(
            dice.of(&[Topic::Deals, Topic::Touchpoints, Topic::Deliveries, Topic::Signals, Topic::Webhooks]),
            dice.below(64),
        ),
        _ => Op::Publish(u8::try_from(dice.below(2)).unwrap_or(0)),
    }
}

fn change(dice: &mut Dice) -> Op {
    let deal = dice.below(DEALS);
    match dice.below(20) {
        0..8 => Op::Move(deal, Stage::Won),
        8..12 => Op::Move(deal, dice.of(&[Stage::Open, Stage::Lost])),
        12..16 => {
            let days = i64::try_from(dice.below(8)).unwrap_or(0) - 5;
            let edits = [Edit::Amount, Edit::CloseDate(days), Edit::Contact, Edit::Owner, Edit::Account];
            Op::Amend(deal, dice.of(&edits))
        }
        16 => Op::Merge(deal, dice.below(DEALS)),
        17 => Op::Delete(deal),
        _ => Op::Restore(deal),
    }
}

fn delivery(dice: &mut Dice) -> Op {
    match dice.below(16) {
        0..8 => Op::Deliver(dice.below(8)),
        8..11 => Op::DeliverBatch(1 + dice.below(4)),
        11..13 => Op::DeliverAgain(dice.below(16)),
        13 => Op::LoseWebhook(dice.below(8)),
        14 => Op::Forge,
        _ => Op::Garbage,
    }
}

fn step(dice: &mut Dice) -> Op {
    let role = dice.of(&Role::ALL);
    dice.of(&[
        Op::Hints,
        Op::Claim,
        Op::Read,
        Op::Settle,
        Op::EngineRecords,
        Op::EngineTimers,
        Op::DispatcherRecords,
        Op::Claims,
        Op::Relay(role),
        Op::Relay(role),
    ])
}

fn time(dice: &mut Dice) -> Op {
    match dice.below(16) {
        0..4 => Op::Advance(dice.between(1, 20)),
        4..8 => Op::Advance(dice.between(30, 120)),
        8..11 => Op::Advance(dice.between(600, 7200)),
        11..15 => Op::Advance(dice.between(6 * 3600, 30 * 3600)),
        _ => Op::JumpBack(dice.between(1, 7200)),
    }
}

fn trouble(dice: &mut Dice) -> Op {
    let moods = [Mood::Well, Mood::Well, Mood::Down, Mood::Odd, Mood::Busy];
    match dice.below(10) {
        0..2 => Op::Crash,
        2..6 => {
            let skip = u8::try_from(dice.below(3)).unwrap_or(0);
            Op::Fault(dice.of(&Role::ALL), skip, dice.of(&[CommitFault::Lost, CommitFault::Unanswered]))
        }
        6 => Op::Log(dice.of(&moods)),
        7 => Op::Crm(dice.of(&moods)),
        _ => Op::Vendors(dice.of(&[Mood::Well, Mood::Odd])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_list() {
        assert_eq!(list(3), list(3));
        assert_ne!(list(3), list(4));
    }
}
