//! What a transaction promises beside others.

use std::time::Duration;

use afterglow_domain::Timestamp;

use afterglow_domain::Clock as _;
use afterglow_domain::clock::ManualClock;

use super::*;
use crate::conformance::{at, row, shard, timer};
use crate::rows::{Timeline, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Store as _, Tx as _};

async fn store() -> (Database, Store) {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    (database, store)
}

/// Until so many wait for a row's lock in this database.
pub(super) async fn until_waiting(store: &Store) {
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let wait = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(store.readers()).await.unwrap() == 0 {}
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("somebody waits");
}

/// Fires what is due at `now` on shard 3.
async fn fire(store: &Store, now: Timestamp) {
    let (mut tx, page) = store.begin_due(Timeline::Journey, now, 10).await.unwrap().unwrap();
    tx.write(Writes { disarm: page, ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
}

async fn arm(store: &Store, due: Timestamp, owner: u128) {
    let mut tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    tx.write(Writes { arm: vec![timer(3, due, owner)], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
}

/// As after a restore, or under a server that knew less: what lies between is not jumped over.
#[tokio::test]
async fn a_cursor_is_not_written_where_the_database_has_gone_back() {
    let (_database, store) = store().await;
    let cursor = |partition, next_offset| {
        let (topic, last_event_id) = (afterglow_events::Topic::Deals, String::new());
        let cursor = afterglow_events::Cursor { topic, partition, next_offset, last_event_id, at: at(1) };
        ("role".to_owned(), cursor)
    };
    let write = async |cursors: Vec<_>| {
        let mut tx = store.begin(&ShardSet::new([shard(3)])).await?;
        tx.write(Writes { cursors, ..Writes::default() }).await?;
        tx.commit().await
    };
    write(vec![cursor(0, 10), cursor(1, 7)]).await.unwrap();
    write(vec![cursor(0, 20)]).await.unwrap();
    for back in
        ["update cursor set next_offset = 10 where partition = 0", "delete from cursor where partition = 0"]
    {
        sqlx::query(back).execute(store.readers()).await.unwrap();
        let error = write(vec![cursor(0, 25), cursor(1, 8)]).await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable(told) if told.contains("gone back")), "{error}");
    }
    write(vec![cursor(1, 8)]).await.expect("where it has not gone back it goes on");
    assert_eq!(store.cursors("role").await.unwrap().len(), 1);
}

/// The lock and the reading are two statements: who waited sees what was committed meanwhile, the mark that
/// came with the lock included.
#[tokio::test]
async fn who_waited_for_a_lock_sees_what_was_committed_meanwhile() {
    let (_database, store) = store().await;
    arm(&store, at(100), 1).await;
    let (mut first, page) = store.begin_due(Timeline::Journey, at(1000), 10).await.unwrap().unwrap();
    first.write(Writes { disarm: page, ..Writes::default() }).await.unwrap();
    let second = async {
        let mut tx = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
        let armed: i64 =
            sqlx::query_scalar("select count(*) from timer").fetch_one(tx.connection()).await.unwrap();
        (armed, tx.armable(Timeline::Journey, shard(3), at(20)))
    };
    let commit = async {
        until_waiting(&store).await;
        first.commit().await.unwrap();
    };
    let ((armed, armable), ()) = tokio::join!(second, commit);
    assert_eq!((armed, armable), (0, at(1000)));
}

/// Machines whose clocks differ tell the same time: the database's.
#[tokio::test]
async fn a_process_follows_the_servers_clock_with_each_lock() {
    let database = Database::fresh().await;
    migrate(&database.server(), &CORE).await.unwrap();
    // This machine's clock stands still, years ago.
    let local = ManualClock::new(Timestamp(1_000_000));
    let clock = Arc::new(ServerClock::new(Arc::new(local)));
    let store = Store::open(&database.server().followed_by(clock.clone()), &CORE).await.unwrap();
    let told = async || server::now(&mut store.readers().acquire().await.unwrap()).await.unwrap();
    let opened = clock.now();
    assert!(told().await.since(opened) < Duration::from_mins(1) && opened <= told().await);
    let before = told().await;
    store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    assert!(clock.now() >= before && clock.now() <= told().await);
}

/// Each update of a mark leaves a dead row, and while a backup runs these cannot be cleared.
#[tokio::test]
async fn a_mark_moves_in_steps_of_ten_seconds() {
    let (_database, store) = store().await;
    let stored = async || {
        sqlx::query_scalar::<_, i64>("select fired_to_journey from shard where shard = 3")
            .fetch_one(store.readers())
            .await
            .unwrap()
    };
    for (now, expected) in [(1000, 1000), (1005, 1000), (1009, 1000), (1010, 1010)] {
        arm(&store, at(now), 1).await;
        fire(&store, at(now)).await;
        assert_eq!(stored().await, at(expected).0, "fired at {now}");
    }
}

/// PostgreSQL answers a COMMIT after a failed statement with success, having rolled back.
#[tokio::test]
async fn a_commit_after_a_failure_that_nobody_minded_fails() {
    let (_database, store) = store().await;
    let row = row(1, "a");
    let mut tx = store.begin(&ShardSet::new([row.shard])).await.unwrap();
    tx.write(Writes { outbox: vec![row], ..Writes::default() }).await.unwrap();
    sqlx::query("select 1 / 0").execute(tx.connection()).await.unwrap_err();
    assert!(tx.commit().await.is_err());
    assert_eq!(store.outbox_read(9).await.unwrap(), []);
}

/// Timers go on where nobody is at work: a consumer that holds a shard holds up that shard only.
#[tokio::test]
async fn timers_pass_by_a_shard_that_is_held() {
    let (_database, store) = store().await;
    let timers = [timer(3, at(100), 1), timer(11, at(100), 2)];
    let mut tx = store.begin(&ShardSet::new(timers.iter().map(|timer| timer.shard))).await.unwrap();
    tx.write(Writes { arm: timers.to_vec(), ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let held = store.begin(&ShardSet::new([shard(3)])).await.unwrap();
    let (tx, page) = store.begin_due(Timeline::Journey, at(1000), 10).await.unwrap().unwrap();
    assert_eq!(page, [timers[1]]);
    assert!(store.begin_due(Timeline::Journey, at(1000), 10).await.unwrap().is_none());
    drop((held, tx));
}

/// Where a consumer is busy without a pause, nothing is ever free when timers look: they wait for their turn.
#[tokio::test]
async fn timers_wait_for_a_shard_that_is_never_free() {
    let (_database, store) = store().await;
    let due = timer(3, at(100), 1);
    let shards = ShardSet::new([due.shard]);
    let mut tx = store.begin(&shards).await.unwrap();
    tx.write(Writes { arm: vec![due], ..Writes::default() }).await.unwrap();
    tx.commit().await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let held = store.begin(&shards).await.unwrap();
        // The second connection is there before the look, so that the look comes before the commit.
        store.next_due(Timeline::Journey).await.unwrap();
        let (found, ()) = tokio::join!(store.begin_due(Timeline::Journey, at(1000), 10), async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            held.commit().await.unwrap();
        });
        if let Some((_tx, page)) = found.unwrap() {
            assert_eq!(page, [due]);
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "timers starve");
    }
}

/// Shards of two classes in one transaction are locked ascending, so two of these never wait in a circle.
#[tokio::test]
async fn transactions_that_meet_in_several_shards_all_end() {
    let (_database, store) = store().await;
    let meet = async |numbers: [u8; 3]| {
        for _ in 0..10 {
            let tx = store.begin(&ShardSet::new(numbers.map(shard))).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    tokio::join!(meet([1, 9, 2]), meet([2, 1, 9]), meet([9, 2, 17]), meet([17, 9, 1]));
}
