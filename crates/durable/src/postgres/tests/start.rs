//! What is checked before a role starts, and how a schema goes forward.

use sqlx::Connection;

use super::*;

const ROLE: &[Migration] = &[
    Migration::new(1, "create table thing (id int8 primary key)"),
    Migration::new(2, "alter table thing add column name text"),
];

const OLD: Schema = Schema { name: "role", migrations: ROLE.split_at(1).0 };
const NEW: Schema = Schema { name: "role", migrations: ROLE };

/// Why a role may not use the schema; who only looks is told the same.
pub(super) async fn refusal(server: &Server, schema: &Schema) -> String {
    let Err(refused) = Store::open(server, schema).await else {
        panic!("a schema that does not fit was opened");
    };
    let look = open_read_only(server, schema).await.expect_err("a schema that does not fit was opened");
    assert_eq!(look.to_string(), refused.to_string());
    refused.to_string()
}

#[tokio::test]
async fn a_schema_goes_forward_and_an_older_one_is_refused() {
    let database = Database::fresh().await;
    let server = database.server();
    let expected = "schema role (core) has schema version 0, this program needs 2: run `afterglow migrate`";
    assert_eq!(refusal(&server, &OLD).await, expected);
    migrate(&server, &OLD).await.unwrap();
    Store::open(&server, &OLD).await.unwrap().close().await;
    let expected = "schema role (role) has schema version 1, this program needs 2: run `afterglow migrate`";
    assert_eq!(refusal(&server, &NEW).await, expected);
    let went =
        async || migrate(&server, &NEW).await.map(|done| (done[1].component, done[1].from, done[1].to));
    assert_eq!(went().await.unwrap(), ("role", 1, 2));
    assert_eq!(went().await.unwrap(), ("role", 2, 2));
}

#[tokio::test]
async fn four_migrations_at_once_are_one() {
    let database = Database::fresh().await;
    let server = database.server();
    let done = futures::future::join_all((0..4).map(|_| migrate(&server, &NEW))).await;
    let from = done.into_iter().map(|done| done.unwrap()[1].from);
    assert_eq!(from.filter(|from| *from == 0).count(), 1, "one of them had something to do");
    Store::open(&server, &NEW).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    const WRONG: &[Migration] = &[ROLE[0], Migration::new(2, "create table other (id nonsense)")];
    let database = Database::fresh().await;
    let server = database.server();
    migrate(&server, &Schema { name: "role", migrations: WRONG }).await.unwrap_err();
    assert!(refusal(&server, &NEW).await.contains("version 0"));
    migrate(&server, &NEW).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_lost_its_settings_is_refused() {
    let database = Database::fresh().await;
    let server = database.server();
    // As through a pooler that drops them.
    let mut plain = sqlx::PgConnection::connect_with(&server.plain()).await.unwrap();
    sqlx::query("set default_transaction_isolation = 'repeatable read'").execute(&mut plain).await.unwrap();
    let refused = server::check(&mut plain, &server, server::SETTINGS).await.unwrap_err().to_string();
    for named in [
        "default_transaction_isolation is repeatable read and must be read committed",
        "lock_timeout is 0 and",
    ] {
        assert!(refused.contains(named), "{refused}");
    }
    assert!(refused.contains("not through a pooler"), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let server: Server = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    assert!(matches!(Store::open(&server, &CORE).await, Err(Error::Unavailable(_))));
}

/// A number that was given in advance would break the order of the commits.
#[tokio::test]
async fn nothing_refers_to_a_shard_and_no_number_is_given_in_advance() {
    let database = Database::fresh().await;
    let (store, _) = database.fresh_store(&CORE, CommitFaults::default()).await;
    let cached: Vec<i64> = sqlx::query_scalar(
        "select seqcache from pg_sequence
         where seqrelid = pg_get_serial_sequence(current_schema() || '.outbox', 'seq')::regclass",
    )
    .fetch_all(store.readers())
    .await
    .unwrap();
    assert_eq!(cached, [1]);
    assert_eq!(referring_to_shards(&store).await, [""; 0]);
    for statement in [
        "create table pointing (shard int2 references shard)",
        "create unique index named_once on shard (fired_to_wall, shard)",
        "create trigger told after update on shard execute function suppress_redundant_updates_trigger()",
    ] {
        sqlx::raw_sql(statement).execute(store.readers()).await.unwrap();
    }
    assert_eq!(referring_to_shards(&store).await, ["named_once", "pointing_shard_fkey", "told"]);
}
