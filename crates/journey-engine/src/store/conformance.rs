//! The same operations on both stores.

use afterglow_durable::store::CommitFaults;
use afterglow_durable::{Error, ShardSet, Store, Tx, memory, sqlite};

use super::EngineTx;
use crate::query::Rows;
use crate::rows::{Closed, EnrolmentRow, ObligationRow};
use crate::scene::{Deal, Inspect, Kind, day, world_in_memory, world_on_sqlite};
use crate::store::memory::Tables;

/// Rows of a real life to play with: the deal's enrolment in the store.
async fn enrolled<S: Inspect>(mut world: crate::scene::World<S>) -> (S, EnrolmentRow) {
    world.tell(&[Deal::new("1").event(Kind::Won, 1)]).await;
    let row = world.store.look().await.0.enrolments.into_values().next().unwrap();
    (world.store.clone(), row)
}

async fn conforms<S: Inspect>((store, row): (S, EnrolmentRow)) {
    rows_come_back_as_they_were_written(&store, &row).await;
    a_state_is_written_alone(&store, &row).await;
    an_obligation_is_closed_once(&store, &row).await;
    a_second_enrolment_is_refused(&store, &row).await;
    versions_are_immutable(&store).await;
}

async fn begin<S: Store>(store: &S) -> S::Tx {
    store.begin(&ShardSet::default()).await.unwrap()
}

async fn rows_come_back_as_they_were_written<S: Inspect>(store: &S, row: &EnrolmentRow) {
    let mut tx = begin(store).await;
    let stranger = Deal::elsewhere("9").deal_ref();
    assert_eq!(tx.load_enrolments(&[row.id]).await.unwrap(), std::slice::from_ref(row));
    assert_eq!(
        tx.load_enrolments_of(&[stranger.clone(), row.deal.clone()]).await.unwrap(),
        std::slice::from_ref(row)
    );
    assert_eq!(tx.load_deals(std::slice::from_ref(&stranger)).await.unwrap(), []);
    let mut deal = tx.load_deals(&[row.deal.clone(), stranger]).await.unwrap().remove(0);
    (deal.rev, deal.declined) = (7, Some("why\0not".to_owned()));
    deal.snapshot.name = "Zoë's deal".to_owned();
    tx.save_deals(&[deal.clone()]).await.unwrap();
    assert_eq!(tx.load_deals(&[deal.deal.clone()]).await.unwrap(), [deal]);
}

async fn a_state_is_written_alone<S: Inspect>(store: &S, row: &EnrolmentRow) {
    let mut tx = begin(store).await;
    let mut changed = row.clone();
    (changed.account, changed.armed) = ("hubspot:33:1".to_owned(), None);
    changed.state.left_won = true;
    changed.counters.insert("x".to_owned(), 3);
    tx.save_states(&[changed.clone()]).await.unwrap();
    let found = tx.load_enrolments(&[row.id]).await.unwrap().remove(0);
    assert_eq!(
        (found.account.as_str(), found.armed),
        (row.account.as_str(), None),
        "the account is not a state"
    );
    assert_eq!((found.state, found.counters), (changed.state.clone(), changed.counters.clone()));
    changed.began_with = Some(Deal::elsewhere("9").deal_ref());
    tx.save_enrolments(&[changed.clone()]).await.unwrap();
    assert_eq!(tx.load_enrolments(&[row.id]).await.unwrap(), [changed.clone()]);
    changed.id = afterglow_domain::EnrolmentId(uuid::Uuid::nil());
    assert!(matches!(tx.save_states(&[changed]).await, Err(Error::Refused(_))), "what is not there");
}

async fn an_obligation_is_closed_once<S: Inspect>(store: &S, row: &EnrolmentRow) {
    let one = waived(row, "new");
    let other = ObligationRow { occurrence: 1, ..one.clone() };
    let mut tx = begin(store).await;
    tx.close_obligations(&[one.clone(), other.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    let third = ObligationRow { occurrence: 2, ..one.clone() };
    for again in [[third.clone(), one.clone()], [third.clone(), third]] {
        let mut tx = begin(store).await;
        let refused = tx.close_obligations(&again).await.unwrap_err();
        assert!(refused.to_string().contains("AG3005"), "{refused}");
    }
    let stored = store.look().await.0.obligations;
    assert_eq!(stored.into_values().collect::<Vec<_>>(), [one, other]);
}

fn waived(row: &EnrolmentRow, moment: &str) -> ObligationRow {
    ObligationRow {
        enrolment: row.id,
        moment: moment.to_owned(),
        occurrence: 0,
        planned: day(1),
        deadline: day(2),
        closed: Closed { outcome: "waived", reason: "why".to_owned(), at: day(4) },
    }
}

/// An older program wrote rows of what is open, too.
async fn what_an_older_program_opened_is_closed<S: Inspect>(
    (store, row): (S, EnrolmentRow),
    readers: &impl Rows,
    open: impl AsyncFnOnce(&mut S::Tx, &'static str),
) {
    let mut tx = begin(&store).await;
    let sql = "insert into obligation (enrolment, moment, occurrence, planned_at, deadline_at)
               select id, 'new', 0, 1, 2 from enrolment";
    open(&mut tx, sql).await;
    tx.commit().await.unwrap();
    assert_eq!(readers.closed_obligations(row.id).await.unwrap(), [], "an open one is in the state");
    let mut tx = begin(&store).await;
    tx.close_obligations(&[waived(&row, "new")]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(readers.closed_obligations(row.id).await.unwrap(), [waived(&row, "new")]);
}

async fn a_second_enrolment_is_refused<S: Inspect>(store: &S, row: &EnrolmentRow) {
    let mut tx = begin(store).await;
    let second = EnrolmentRow { id: afterglow_domain::EnrolmentId(uuid::Uuid::nil()), ..row.clone() };
    assert!(matches!(tx.save_enrolments(&[second]).await, Err(Error::Refused(_))));
}

async fn versions_are_immutable<S: Inspect>(store: &S) {
    let tenant = Deal::new("1").deal_ref().tenant;
    let mut tx = begin(store).await;
    let known = tx.load_definition(&tenant, "first-90-days", 1).await.unwrap().unwrap();
    assert_eq!(tx.newest_definition(&tenant, "first-90-days").await.unwrap(), Some((1, known.sha256)));
    assert_eq!(tx.newest_definition(&tenant, "first").await.unwrap(), None);
    assert_eq!(tx.load_definition(&tenant, "first-90-days", 2).await.unwrap(), None);
    assert!(matches!(tx.save_definition(&tenant, &known, day(0)).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn the_model_conforms() {
    conforms::<memory::Store<Tables>>(enrolled(world_in_memory(CommitFaults::default()).await).await).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    conforms::<sqlite::Store>(enrolled(world).await).await;
}

#[tokio::test]
async fn sqlite_closes_what_an_older_program_opened() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let readers = world.store.readers().clone();
    let open = async |tx: &mut sqlite::Tx, sql| {
        sqlx::raw_sql(sql).execute(tx.connection()).await.unwrap();
    };
    what_an_older_program_opened_is_closed::<sqlite::Store>(enrolled(world).await, &readers, open).await;
}

/// A timer's statement must find its rows by their key: a scan would make a million waiting customers slow.
#[tokio::test]
async fn the_timers_path_scans_no_table() {
    let (_folder, world) = world_on_sqlite(CommitFaults::default()).await;
    let plans = [
        "update enrolment set state = new.column2 from (values (x'00', x'01'), (x'02', x'03')) as new where enrolment.id = new.column1",
        "select state from enrolment where id in (x'00', x'01')",
        "select snapshot from deal where deal in ('a', 'b')",
    ];
    for statement in plans {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {statement}")))
                .fetch_all(world.store.readers())
                .await
                .unwrap();
        let scans = |line: &&(i64, i64, i64, String)| {
            line.3.starts_with("SCAN enrolment") || line.3.starts_with("SCAN deal")
        };
        assert!(plan.iter().find(scans).is_none(), "{statement}: {plan:?}");
    }
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;
    use afterglow_durable::postgres::Store;

    use super::*;
    use crate::publish::publish;
    use crate::scene::{journey, postgres::world_on};
    use crate::store::postgres::SCHEMA;

    #[tokio::test]
    async fn conforms() {
        let database = Database::fresh().await;
        super::conforms::<Store>(enrolled(world_on(&database, CommitFaults::default()).await).await).await;
    }

    #[tokio::test]
    async fn what_an_older_program_opened_is_closed() {
        let database = Database::fresh().await;
        let world = world_on(&database, CommitFaults::default()).await;
        let readers = world.store.readers().clone();
        let open = async |tx: &mut afterglow_durable::postgres::Tx, sql| {
            sqlx::raw_sql(sql).execute(tx.connection()).await.unwrap();
        };
        super::what_an_older_program_opened_is_closed::<Store>(enrolled(world).await, &readers, open).await;
    }

    /// Replicas start with the same new file: one of them publishes it, and all use it.
    #[tokio::test]
    async fn two_that_publish_the_same_at_once_publish_it_once() {
        let database = Database::fresh().await;
        let (one, schema) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let other = database.store(&schema, CommitFaults::default()).await;
        let tenant = Deal::new("1").deal_ref().tenant;
        for (version, greeting) in [(1, "Hello"), (2, "Good day"), (3, "Hi there")] {
            let published =
                async |store: &Store| publish(store, &tenant, vec![journey("j", greeting)], day(0)).await;
            let (a, b) = tokio::join!(published(&one), published(&other));
            let [a, b] = [a, b].map(|versions| versions.unwrap().remove(0));
            assert_eq!((a.version, b.version), (version, version));
            assert!(a.new != b.new, "one of them was first");
        }
    }
}
