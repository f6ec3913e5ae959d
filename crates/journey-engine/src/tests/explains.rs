//! What people ask, and the proof that the checks can fail.

use afterglow_durable::conformance::postgres::Database;
use afterglow_durable::store::CommitFaults;

use crate::invariants::check_invariants;
use crate::query::{self, Enrolment, Rows, Stands};
use crate::rows::Standing;
use crate::scene::postgres::world_on;
use crate::scene::{Deal, Dispatcher, Inspect, Kind, World, day, world_in_memory, world_on_sqlite};

/// An enrolment is found by account, home, deal and id; `readers` read the world's store.
async fn enrolments<S: Inspect>(mut world: World<S>, readers: &impl Rows) -> Vec<Enrolment> {
    world.dispatcher = Dispatcher::Slow;
    world.tell(&[Deal::new("41").event(Kind::Won, 1)]).await;
    world.pass(day(1)).await;
    let deal = Deal::new("41").deal_ref();
    let by_name = query::enrolments(readers, "northwind gmbh").await.unwrap();
    let [found] = &by_name[..] else { panic!("{by_name:?}") };
    let asked = [
        "hubspot:33:9001",
        "acme/hubspot:33:9001",
        "41",
        "hubspot:33:deal:41",
        "acme/hub/hubspot:33:deal:41",
    ];
    for asked in asked.map(str::to_owned).into_iter().chain([found.id.to_string(), deal.to_string()]) {
        assert_eq!(query::enrolments(readers, &asked).await.unwrap(), by_name, "{asked}");
    }
    for nobody in ["4", "1", "%", "north", "no\0body", "a:41", ""] {
        assert_eq!(query::enrolments(readers, nobody).await.unwrap(), [], "{nobody:?}");
    }
    assert_eq!((found.phase, found.journey.clone()), ("active", ("first-90-days".to_owned(), 1)));
    assert_eq!(found.obligations.len(), 5);
    assert!(matches!(found.obligations[0].stands, Stands::Emitted { revoking: None, .. }));
    assert!(matches!(&found.obligations[1].stands, Stands::Waiting { reason: None, .. }));
    assert_eq!(found.next_due, Some(found.obligations[0].planned.plus(std::time::Duration::from_hours(24))));
    let touchpoint = &world.published.last().unwrap().envelope.id;
    assert_eq!(found.obligations[0].touchpoint.0, touchpoint.0);
    by_name
}

/// An enrolment that passed to another deal is found by both.
async fn merged<S: Inspect>(mut world: World<S>, readers: &impl Rows) {
    let (loser, survivor) = (Deal::new("41"), Deal::elsewhere("42"));
    world.tell(&[loser.event(Kind::Won, 1)]).await;
    world.tell(&[loser.merged_into(&survivor, 2, survivor.home.as_str())]).await;
    let [found] = query::enrolments(readers, "41").await.unwrap().try_into().unwrap();
    assert_eq!((&found.deal, &found.home), (&survivor.deal_ref(), &loser.home));
    for asked in ["42", survivor.home.as_str(), loser.home.as_str(), &loser.deal_ref().to_string()] {
        assert_eq!(query::enrolments(readers, asked).await.unwrap(), std::slice::from_ref(&found), "{asked}");
    }
}

#[tokio::test]
async fn what_passed_to_another_deal_is_found_by_both() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    merged(world, &readers).await;
    let database = Database::fresh().await;
    let world = world_on(&database, CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    merged(world, &readers).await;
}

/// A deal without a journey says why and what it waits for.
async fn deals<S: Inspect>(mut world: World<S>, readers: &impl Rows) -> Vec<query::Deal> {
    let deal = Deal::new("41").closing("2025-01-01");
    world.tell(&[deal.event(Kind::Won, 1), deal.event(Kind::Lost, 4)]).await;
    let found = query::deals(readers, "NORTHWIND GmbH").await.unwrap();
    let [row] = &found[..] else { panic!("{found:?}") };
    assert_eq!((row.standing, row.rev, row.won_no, row.waiting.clone()), (Standing::Won, 1, 1, vec![4]));
    assert!(row.declined.as_ref().unwrap().contains("start_not_after_day"));
    assert_eq!(query::enrolments(readers, "41").await.unwrap(), []);
    found
}

#[tokio::test]
async fn an_enrolment_is_found_by_account_home_deal_and_id() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    enrolments(world, &readers).await;
}

#[tokio::test]
async fn a_deal_without_a_journey_says_why_and_what_it_waits_for() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    deals(world, &readers).await;
}

/// The same life gives the same answers.
#[tokio::test]
async fn on_postgres_every_answer_is_the_same() {
    let database = Database::fresh().await;
    let [one, other] = [(); 2].map(|()| world_on(&database, CommitFaults::default()));
    let (one, other) = (one.await, other.await);
    let readers = [&one, &other].map(|world| world.store.readers().clone());
    let (enrolled, declined) = (enrolments(one, &readers[0]).await, deals(other, &readers[1]).await);

    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    assert_eq!(enrolled, enrolments(world, &readers).await);
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    assert_eq!(declined, deals(world, &readers).await);
}

#[tokio::test]
async fn the_checks_can_fail() {
    let mut world = world_in_memory(CommitFaults::default()).await;
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    world.pass(day(2)).await;
    let (good, timers) = world.store.look().await;
    assert_eq!(check_invariants(&good, &timers), Vec::<String>::new());
    let found = |tables: &crate::store::memory::Tables, timers: &[afterglow_durable::Timer]| {
        let lines = check_invariants(tables, timers);
        lines.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&good, &[]), ["4"]);
    let mut stranger = timers.clone();
    stranger.push(afterglow_durable::Timer { owner: uuid::Uuid::nil(), ..timers[0] });
    assert_eq!(found(&good, &stranger), ["4"]);
    let mut unpublished = good.clone();
    unpublished.definitions.clear();
    assert_eq!(found(&unpublished, &timers), ["9"]);
    let mut twice = good.clone();
    let mut copy = good.enrolments.values().next().unwrap().clone();
    copy.id = afterglow_domain::EnrolmentId(uuid::Uuid::nil());
    twice.enrolments.insert(copy.id, copy);
    assert!(found(&twice, &timers).contains(&"3".to_owned()));
    let mut early = good.clone();
    for row in early.obligations.values_mut() {
        row.planned = day(200);
    }
    assert_eq!(found(&early, &timers), ["5"]);
    let mut untold = good.clone();
    untold.obligations.clear();
    assert_eq!(found(&untold, &timers), ["8"], "how the delivered one ended");
    let mut closed_too_soon = good.clone();
    let waiting = &good.enrolments.values().next().unwrap().state.promises[1];
    let mut row = good.obligations.values().next().unwrap().clone();
    row.moment.clone_from(&waiting.moment);
    closed_too_soon.obligations.insert((row.enrolment, row.moment.clone(), row.occurrence), row);
    assert_eq!(found(&closed_too_soon, &timers), ["8"], "it still waits");
    let mut silent = good.clone();
    for row in silent.obligations.values_mut() {
        (row.closed.outcome, row.closed.reason) = ("waived", String::new());
    }
    assert_eq!(found(&silent, &timers), ["8"], "an absence has a reason");
    let mut ended = good;
    let row = ended.enrolments.values_mut().next().unwrap();
    row.state.phase = afterglow_journey::Phase::Closing { reason: "lost".to_owned() };
    assert_eq!(found(&ended, &timers), ["10"; 4]);
}
