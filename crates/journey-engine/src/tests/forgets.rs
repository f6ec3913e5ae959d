//! What ended long ago keeps its story and loses its people.

use std::time::Duration;

use afterglow_domain::Clock as _;
use afterglow_durable::store::CommitFaults;
use afterglow_durable::{ShardSet, Store as _, Tx as _, sqlite};
use afterglow_events::Topic;
use prost::Message as _;

use super::on_both_stores;
use crate::query::Stands;
use crate::scene::{Deal, Dispatcher, Inspect, Kind, World, day, world_on_sqlite};
use crate::store::memory::Tables;
use crate::store::sqlite::MIGRATIONS;
use crate::{forget, query};

const DAY: Duration = Duration::from_hours(24);

on_both_stores!(
    what_ended_long_ago_loses_its_people_and_keeps_its_story,
    what_goes_on_keeps_everything,
    a_deal_without_a_journey_is_forgotten_too,
    a_deal_won_again_after_that_goes_on_as_if_nothing_had_been_forgotten,
    an_enrolment_that_passes_on_to_a_forgotten_deal_finds_its_people,
);

/// Forgets what is older than so many days, row by row; how many rows.
async fn all<S: Inspect>(world: &World<S>, days: u32) -> usize {
    let now = world.clock.now();
    let mut count = 0;
    loop {
        match forget(&world.store, now, now.minus(DAY * days), 1).await.unwrap() {
            0 => return count,
            some => count += some,
        }
    }
}

fn people(tables: &Tables) -> String {
    // Debug output hides people; the stored bytes do not.
    let bytes = tables.deals.values().flat_map(|row| row.snapshot.encode_to_vec()).collect::<Vec<u8>>();
    let snapshots = String::from_utf8_lossy(&bytes);
    let states: Vec<_> = tables.enrolments.values().map(|row| &row.state.contacts).collect();
    format!("{snapshots} {states:?}")
}

/// A deal that was won and lost in an instant: its journey has ended.
async fn lost<S: Inspect>(world: &mut World<S>) -> Deal {
    let deal = Deal::new("1");
    world.tell(&[deal.event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    world.tell(&[deal.event(Kind::Lost, 2)]).await;
    deal
}

async fn what_ended_long_ago_loses_its_people_and_keeps_its_story<S: Inspect>(mut world: World<S>) {
    lost(&mut world).await;
    let (before, _) = world.store.look().await;
    assert!(people(&before).contains("c@x.example"));
    world.pass(day(11)).await;
    assert_eq!(all(&world, 10).await, 0, "not older than that");
    world.pass(day(12)).await;
    assert_eq!(all(&world, 10).await, 2, "the enrolment, then its deal");
    assert_eq!(all(&world, 10).await, 0, "once");

    let (after, _) = world.store.look().await;
    for gone in ["@x.example", "Ann", "mia@", "id: \"11\""] {
        assert!(!people(&after).contains(gone), "{gone} is still there: {}", people(&after));
    }
    assert_eq!(after.obligations, before.obligations);
    let (old, new) = (before.enrolments.values().next().unwrap(), after.enrolments.values().next().unwrap());
    assert_eq!(new.details_removed, Some(world.clock.now()));
    assert_eq!((&new.state.promises, &new.counters), (&old.state.promises, &old.counters));
    assert_eq!((&new.deal, &new.account_name, new.version), (&old.deal, &old.account_name, old.version));
    let published = world.published.len();
    world.replay().await;
    assert_eq!(world.published.len(), published, "every repetition is recognised");
}

async fn what_goes_on_keeps_everything<S: Inspect>(mut world: World<S>) {
    world.dispatcher = Dispatcher::Dead;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(60)).await;
    let (before, _) = world.store.look().await;
    assert_eq!(all(&world, 1).await, 0);
    assert_eq!(world.store.look().await.0, before);
}

async fn a_deal_without_a_journey_is_forgotten_too<S: Inspect>(mut world: World<S>) {
    world.tell(&[Deal::new("1").closing("2025-01-01").event(Kind::Won, 1)]).await;
    world.pass(day(11)).await;
    assert_eq!(all(&world, 10).await, 1);
    let (tables, _) = world.store.look().await;
    assert!(!people(&tables).contains("@x.example"), "{}", people(&tables));
    assert!(tables.deals.values().all(|row| row.declined.is_some() && row.snapshot.name == "Deal 1"));
}

async fn a_deal_won_again_after_that_goes_on_as_if_nothing_had_been_forgotten<S: Inspect>(
    mut world: World<S>,
) {
    let mut deal = lost(&mut world).await;
    world.pass(day(12)).await;
    assert_eq!(all(&world, 10).await, 2);
    let told = world.published.len();
    (deal.won_no, deal.emitted) = (2, day(12));
    world.tell(&[deal.event(Kind::Won, 3)]).await;
    world.pass(day(13)).await;
    let story = world.story_since(told, Topic::Touchpoints);
    assert!(!story.iter().any(|line| line.contains("welcome")), "a kept promise never repeats: {story:?}");
    assert!(story.contains(&"due how-is-it-going 1".to_owned()), "{story:?}");
    let (tables, _) = world.store.look().await;
    let row = tables.enrolments.values().next().unwrap();
    assert_eq!((row.ended_at, row.details_removed), (None, None));
    assert!(people(&tables).contains("c@x.example"));
    assert_eq!(all(&world, 0).await, 0);
}

async fn an_enrolment_that_passes_on_to_a_forgotten_deal_finds_its_people<S: Inspect>(mut world: World<S>) {
    let survivor = Deal::new("2").closing("2025-01-01");
    world.tell(&[survivor.event(Kind::Won, 1)]).await;
    world.pass(day(11)).await;
    assert_eq!(all(&world, 10).await, 1);
    let mut loser = Deal::new("1").closing("2026-03-17");
    loser.emitted = day(11);
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    let (tables, _) = world.store.look().await;
    let row = &tables.deals[&survivor.deal_ref()];
    assert_eq!((row.details_removed, row.snapshot.contacts.len()), (None, 2));
}

#[tokio::test]
async fn explain_says_when_details_were_removed() {
    let (_folder, mut world) = world_on_sqlite(CommitFaults::default()).await;
    lost(&mut world).await;
    world.pass(day(12)).await;
    all(&world, 10).await;
    let found = query::enrolments(world.store.readers(), "northwind gmbh").await.unwrap();
    assert_eq!(found[0].details_removed, Some(world.clock.now()));
    let closed = |promise: &&query::Obligation| matches!(promise.stands, Stands::Closed(_));
    assert_eq!(found[0].obligations.iter().filter(closed).count(), 5);
}

/// The janitor looks every hour, into tables that are never emptied.
#[tokio::test]
async fn what_is_old_is_found_by_its_index() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    for (statement, index) in [
        (
            "select id from enrolment where ended_at is not null and details_removed_at is null
             and ended_at < 5 order by ended_at limit 9",
            "enrolment_with_details",
        ),
        (
            "select deal from deal where details_removed_at is null and heard_at < 5 order by heard_at limit 9",
            "deal_with_details",
        ),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {statement}")))
                .fetch_all(world.store.readers())
                .await
                .unwrap();
        assert!(plan.len() == 1 && plan[0].3.contains(index), "{plan:?}");
    }
}

#[tokio::test]
async fn a_file_from_before_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.db");
    let store = sqlite::Store::open(&path, &MIGRATIONS[..1]).await.unwrap();
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    sqlx::query(
        "insert into deal (deal, shard, home, rev, won_no, standing, account, account_name, snapshot, waiting)
         values ('acme/hub/hubspot:33:deal:1', 3, 'acme/hubspot:33:9001', 1, 1, 'won', '', '', x'', x'')",
    )
    .execute(tx.connection())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    drop(store);
    let store = sqlite::Store::open(&path, MIGRATIONS).await.unwrap();
    assert_eq!(forget(&store, day(400), day(0), 9).await.unwrap(), 0, "its age is not known, so it is young");
    let deals = query::deals(store.readers(), "acme/hubspot:33:9001").await.unwrap();
    assert_eq!(deals.len(), 1);
}
