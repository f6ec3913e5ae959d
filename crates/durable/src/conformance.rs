//! What every store promises, as checks that each adapter runs on stores of its own.
//!
//! A check panics where the promise is broken: [`all`] is called from a test. The role's own rows are the
//! roles' own conformance suites.

#![allow(clippy::unwrap_used, reason = "panicking is how a check fails")]

pub(crate) mod letters;
mod outbox;
pub mod postgres;
pub(crate) mod timers;
mod transactions;

use std::future::Future;

use afterglow_domain::{EventId, HomeKey, Shard, Timestamp};
use afterglow_events::{Body, Cursor, Encoding, Envelope, Event, Topic, proto};
use uuid::Uuid;

use crate::rows::{OutboxRow, Timeline, Timer};
use crate::store::{CommitFaults, Store};

/// Makes stores for the checks.
pub trait Fixture: Sync {
    /// The adapter under test.
    type Store: Store;

    /// An empty store whose commits fail as `faults` says.
    fn fresh(&self, faults: CommitFaults) -> impl Future<Output = Self::Store> + Send;

    /// The same store as a restarted process finds it.
    fn reopened(&self, store: Self::Store) -> impl Future<Output = Self::Store> + Send;
}

/// Runs every check.
pub async fn all(fixture: &impl Fixture) {
    transactions::a_commit_is_whole_and_survives(fixture).await;
    transactions::a_dropped_transaction_leaves_nothing(fixture).await;
    transactions::a_lost_commit_leaves_nothing_and_an_unanswered_one_all(fixture).await;
    transactions::a_cursor_goes_back_only_where_it_was_forgotten(fixture).await;
    transactions::a_forgotten_cursor_is_gone(fixture).await;
    transactions::a_mark_is_new_once(fixture).await;
    transactions::marks_are_pruned_by_age(fixture).await;
    transactions::writers_take_turns(fixture).await;
    transactions::a_shard_that_is_not_held_is_not_written(fixture).await;
    timers::due_ones_come_by_shard_and_time(fixture).await;
    timers::none_fires_early_and_none_is_lost(fixture).await;
    timers::one_armed_in_the_past_fires_at_once(fixture).await;
    timers::an_unfinished_page_comes_again(fixture).await;
    timers::the_clocks_do_not_meet(fixture).await;
    timers::no_class_starves(fixture).await;
    timers::several_classes_fire_beside_each_other(fixture).await;
    timers::a_clock_that_goes_back_loses_nothing(fixture).await;
    outbox::rows_keep_the_commit_order(fixture).await;
    outbox::exactly_the_acknowledged_rows_go(fixture).await;
    outbox::what_is_taken_is_taken_once(fixture).await;
    outbox::the_relay_repeats_what_was_not_acknowledged(fixture).await;
    outbox::a_stuck_event_holds_back_its_key_only(fixture).await;
    outbox::what_the_log_never_takes_is_parked(fixture).await;
    letters::a_letter_goes_back_once_as_it_was(fixture).await;
    letters::a_letter_without_a_topic_stays(fixture).await;
    letters::a_crash_while_a_letter_goes_back_is_whole_or_nothing(fixture).await;
    letters::a_letter_that_comes_again_is_open_again(fixture).await;
    letters::letters_are_pruned_by_age(fixture).await;
}

pub(crate) fn shard(number: u8) -> Shard {
    Shard::new(number).expect("the checks use shards below 64")
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

pub(crate) fn timer(number: u8, due: Timestamp, owner: u128) -> Timer {
    let owner = Uuid::from_u128(owner);
    Timer { timeline: Timeline::Journey, shard: shard(number), due, owner, key: 0 }
}

pub(crate) fn event(number: u128, home: &str) -> Event {
    let home = HomeKey::new(format!("acme/ext:test:{home}")).expect("the checks use valid keys");
    let id = EventId(Uuid::from_u128(number));
    let body = Body::from(proto::Signal { touchpoint_id: number.to_string(), ..Default::default() });
    Event { envelope: Envelope::of(id, "/test", at(1), &home), body }
}

pub(crate) fn row(number: u128, home: &str) -> OutboxRow {
    let record = event(number, home).to_record(Encoding::Protobuf);
    OutboxRow { shard: Shard::of(record.key_text()), record }
}

pub(crate) fn cursor(partition: u16, next_offset: i64) -> Cursor {
    Cursor { topic: Topic::Deals, partition, next_offset, last_event_id: "e".to_owned(), at: at(5) }
}
