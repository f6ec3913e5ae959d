//! An option as a shell takes it, and what no role's schema may do.

use super::*;

#[test]
fn a_shell_takes_an_option_as_it_was() {
    assert_eq!(option("--config", Path::new("/etc/a-b.toml")), "--config /etc/a-b.toml");
    assert_eq!(option("--config", Path::new("/it's here")), r"--config '/it'\''s here'");
    assert!(option("--data-dir", Path::new("data")).starts_with("--data-dir /"), "from any folder");
}

/// Expands all the same: without this index a question takes longer, and has the same answer.
const SLOWER_ONLY: &str = "drop index attempt_in_doubt";

/// A step's statements in small letters, each on one line, without comments.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let words = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    code.join(" ").split(';').map(words).filter(|statement| !statement.is_empty()).collect()
}

/// What in a statement takes something from programs that worked before it, if anything does. A new table is
/// nothing to them.
fn takes(statement: &str) -> Option<&'static str> {
    if statement.starts_with("create table") {
        return None;
    }
    let has = |words: &str| format!(" {statement} ").contains(&format!(" {words} "));
    let adds_needed = has("add column") && has("not null") && !has("default");
    let forbidden = ["drop", "rename", "type", "set not null", "truncate", "delete from"];
    let refuses = ["unique", "exclude", "add constraint", "create trigger"];
    let found = forbidden.into_iter().chain(refuses).find(|words| has(words));
    found.or(adds_needed.then_some("not null without a default"))
}

#[test]
fn steps_that_do_not_say_that_they_contract_expand() {
    for RoleStore { schema, .. } in ROLES {
        for step in schema.steps().filter(|step| step.version > 1 && !step.contracts()) {
            for statement in statements(step.sql).iter().filter(|statement| *statement != SLOWER_ONLY) {
                let taken = takes(statement);
                assert_eq!(taken, None, "{} {}: `{statement}` contracts", schema.name, step.version);
            }
        }
    }
}

#[test]
fn what_takes_something_is_noticed() {
    let sql = "-- drop nothing\nALTER TABLE deal\n  DROP COLUMN home; alter table deal add column at int8 not null;
        alter table deal alter column rev type int4; alter table deal add column at int8 not null default 0;
        create unique index one on deal (home); alter table deal rename to deals; create table other (id int8 unique);";
    let taken: Vec<_> = statements(sql).iter().map(|statement| takes(statement)).collect();
    let [drop, needed] = [Some("drop"), Some("not null without a default")];
    assert_eq!(taken, [drop, needed, Some("type"), None, Some("unique"), Some("rename"), None]);
}

#[cfg(feature = "kafka")]
mod postgres {
    use afterglow_durable::conformance::postgres::{Database, referring_to_shards};
    use afterglow_durable::store::CommitFaults;

    use super::*;

    #[tokio::test]
    async fn nothing_refers_to_a_shard() {
        let database = Database::fresh().await;
        for RoleStore { schema, .. } in ROLES {
            let store = database.store(&schema, CommitFaults::default()).await;
            assert_eq!(referring_to_shards(&store).await, [""; 0], "{}", schema.name);
        }
    }
}
