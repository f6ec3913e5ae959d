//! Old and new programs on one schema, which expands before the new ones start and contracts when the old
//! ones are gone.

use super::start::refusal;
use super::transactions::until_waiting;
use super::*;
use crate::conformance::{at, row, timer};
use crate::rows::{Timer, Writes};
use crate::shard_set::ShardSet;
use crate::store::{Store as _, Tx as _};

/// A thing's label goes to a column of another name: the second program writes both, the third reads the new
/// one only and no longer needs the old one.
const STEPS: &[Migration] = &[
    Migration::new(1, "create table thing (id int8 primary key, label text)"),
    Migration::new(2, "alter table thing add column name text; create table other (id int8 primary key)"),
    Migration::new(3, "create index thing_by_name on thing (name)"),
    Migration::contracting(4, "alter table thing drop column label", 3),
];

/// The program of a version.
const fn program(version: usize) -> Schema {
    Schema { name: "role", migrations: STEPS.split_at(version).0 }
}

/// A decision: a row of the role's own, a timer and an event, in one transaction that reads it again.
async fn decide(store: &Store, id: i64, save: &'static str, load: &'static str) -> Result<String, Error> {
    let event = row(3, "a");
    let mut tx = store.begin(&ShardSet::new([event.shard])).await?;
    sqlx::query(save).bind(id).execute(tx.connection()).await?;
    let label = sqlx::query_scalar(load).bind(id).fetch_one(tx.connection()).await?;
    let arm = vec![Timer { shard: event.shard, ..timer(3, at(100), id.unsigned_abs().into()) }];
    tx.write(Writes { arm, outbox: vec![event], ..Writes::default() }).await?;
    tx.commit().await?;
    Ok(label)
}

async fn decide_old(store: &Store, id: i64) -> Result<String, Error> {
    decide(
        store,
        id,
        "insert into thing (id, label) values ($1, 'old')",
        "select label from thing where id = $1",
    )
    .await
}

async fn decide_new(store: &Store, id: i64) -> Result<String, Error> {
    let load = "select coalesce(name, label) from thing where id = $1";
    decide(store, id, "insert into thing (id, label, name) values ($1, 'old', 'new')", load).await
}

/// What the role's own tables went through: from, to, how many steps wait.
async fn role(done: impl Future<Output = Result<Vec<Migrated>, Error>>) -> (i64, i64, usize) {
    let role = done.await.unwrap()[1];
    (role.from, role.to, role.waiting.len())
}

#[tokio::test]
async fn old_and_new_programs_decide_beside_each_other_on_an_expanded_schema() {
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &program(1)).await.unwrap();
    let living = Store::open(&server, &program(1)).await.unwrap();
    // More often than it has connections.
    for id in 0..20 {
        assert_eq!(decide_old(&living, id).await.unwrap(), "old");
    }

    assert_eq!(role(migrate(&server, &program(2))).await, (1, 2, 0));
    let new = Store::open(&server, &program(2)).await.unwrap();
    let restarted = Store::open(&server, &program(1)).await.unwrap();
    for id in 20..40 {
        assert_eq!(decide_old(&living, id).await.unwrap(), "old", "its statements were prepared before");
    }
    assert_eq!(decide_new(&new, 40).await.unwrap(), "new");
    assert_eq!(decide_old(&restarted, 41).await.unwrap(), "old");
    assert_eq!(new.outbox_read(99).await.unwrap().len(), 42);
    open_read_only(&server, &program(1)).await.unwrap();

    let old = migrate(&server, &program(1)).await.unwrap()[1];
    assert_eq!((old.from, old.to, old.known), (2, 2, 1), "newer, readable, left as it is");
    assert_eq!(role(contract(&server, &program(1))).await, (2, 2, 0));
    Store::open(&server, &program(2)).await.unwrap();
}

/// A decision writes one table after the other, and a migration alters them in another order.
#[tokio::test]
async fn a_migration_and_a_decision_under_way_do_not_wait_for_each_other() {
    const WIDER: &[Migration] = &[
        Migration::new(1, "create table first (id int8); create table second (id int8)"),
        Migration::new(2, "alter table second add column at int8; alter table first add column at int8"),
    ];
    const OLD: Schema = Schema { name: "role", migrations: WIDER.split_at(1).0 };
    const NEW: Schema = Schema { name: "role", migrations: WIDER };
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &OLD).await.unwrap();
    let store = Store::open(&server, &OLD).await.unwrap();
    let mut tx = store.begin(&ShardSet::new([row(3, "a").shard])).await.unwrap();
    sqlx::raw_sql("insert into first (id) values (1)").execute(tx.connection()).await.unwrap();
    let decide = async {
        until_waiting(&store).await;
        sqlx::raw_sql("insert into second (id) values (1)").execute(tx.connection()).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (went, ()) = tokio::join!(role(migrate(&server, &NEW)), decide);
    assert_eq!(went, (1, 2, 0));
}

#[tokio::test]
async fn a_schema_contracts_when_it_is_told_and_refuses_older_programs_by_name() {
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &program(2)).await.unwrap();
    assert_eq!(role(migrate(&server, &program(4))).await, (2, 3, 1));
    assert_eq!(role(migrate(&server, &program(4))).await, (3, 3, 1), "it waits however often it is asked");
    let new = Store::open(&server, &program(4)).await.expect("nothing but a contraction is missing");
    let old = Store::open(&server, &program(2)).await.unwrap();
    decide_old(&old, 1).await.unwrap();

    assert_eq!(role(contract(&server, &program(4))).await, (3, 4, 0));
    assert_eq!(role(migrate(&server, &program(4))).await, (4, 4, 0));
    let refused = "schema role (role) has schema version 4, this program knows 2: run the newer program";
    assert_eq!(refusal(&server, &program(2)).await, refused);
    assert_eq!(migrate(&server, &program(2)).await.unwrap_err().to_string(), refused);
    assert_eq!(contract(&server, &program(2)).await.unwrap_err().to_string(), refused);
    Store::open(&server, &program(3)).await.expect("it needs nothing of what was removed");
    Store::open(&server, &program(4)).await.unwrap();
    new.close().await;

    let late = decide_old(&old, 2).await.unwrap_err();
    assert!(matches!(late, Error::Unavailable(_)), "a record is not to blame: {late}");
}

#[tokio::test]
async fn a_schema_that_is_made_anew_has_had_every_step() {
    let database = Database::fresh().await;
    assert_eq!(role(migrate(&database.server(), &program(4))).await, (0, 4, 0));
    assert!(refusal(&database.server(), &program(1)).await.contains("run the newer program"));
}

#[tokio::test]
async fn contractions_at_once_are_one() {
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &program(1)).await.unwrap();
    let newest = program(4);
    let done = futures::future::join_all((0..4).map(|_| role(contract(&server, &newest)))).await;
    assert_eq!(done.iter().filter(|went| **went == (1, 4, 0)).count(), 1);
    assert_eq!(done.iter().filter(|went| **went == (4, 4, 0)).count(), 3);
}

/// Databases from before: their table of versions says nothing of who can read them.
#[tokio::test]
async fn a_table_of_versions_from_before_is_brought_up_to_date() {
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &program(2)).await.unwrap();
    let store = Store::open(&server, &program(2)).await.unwrap();
    let before = "alter table schema_version drop column readable_from";
    sqlx::raw_sql(before).execute(store.readers()).await.unwrap();

    Store::open(&server, &program(2)).await.expect("its own version needs no word of others");
    let refused = "schema role (role) has schema version 2, this program knows 1: run the newer program";
    assert_eq!(refusal(&server, &program(1)).await, refused);
    assert_eq!(role(migrate(&server, &program(2))).await, (2, 2, 0));
    Store::open(&server, &program(1)).await.expect("now it says who can read it");
    let noted: Vec<(String, i64, Option<i64>)> =
        sqlx::query_as("select component, version, readable_from from schema_version order by component")
            .fetch_all(store.readers())
            .await
            .unwrap();
    assert_eq!(noted, [("core".to_owned(), 2, Some(1)), ("role".to_owned(), 2, Some(1))]);
}

/// Why live statements name their columns: the server gives no prepared one a result of another form.
#[tokio::test]
async fn a_statement_that_takes_whatever_is_there_waits_for_another_connection() {
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &program(1)).await.unwrap();
    let old = Store::open(&server, &program(1)).await.unwrap();
    let mut connection = old.readers().acquire().await.unwrap();
    let mut all = async || sqlx::query("select * from thing").fetch_all(&mut *connection).await;
    all().await.unwrap();
    migrate(&server, &program(2)).await.unwrap();
    let refused = Error::from(all().await.unwrap_err());
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("cached plan must not change result type"), "{refused}");
}
