//! What is long concluded keeps its end and loses its details.

use std::time::Duration;

use afterglow_domain::{Clock as _, Sensitive, Shard, Timestamp};
use afterglow_durable::store::CommitFaults;
use afterglow_durable::{ShardSet, Store as _, Tx as _};
use afterglow_providers::Class;
use prost::Message as _;

use super::bench::{Bench, TestStore, gift, home, mail, on_each, on_sqlite, revoked, tp};
use super::vendors::{Act, LINK};
use crate::store::sqlite;
use crate::{forget, query};

const DAY: Duration = Duration::from_hours(24);

/// Everything that the role has stored, as text; bytes too.
async fn stored<S: TestStore>(bench: &Bench<S>) -> String {
    let ledgers = bench.store.ledgers().await;
    let requests = ledgers.attempts.iter().map(|attempt| attempt.request.expose().clone());
    let requests: Vec<_> = requests.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let envelopes: Vec<_> =
        ledgers.attempts.iter().map(|a| a.envelope.as_ref().map(|e| e.to.expose())).collect();
    let gifts = ledgers.touchpoints.iter().filter_map(|row| row.state.gift.as_ref()?.link.as_ref());
    let gifts: Vec<_> = gifts.map(Sensitive::expose).collect();
    // Debug output hides people; the stored bytes do not.
    let due: Vec<u8> = ledgers.touchpoints.iter().flat_map(|row| row.due.encode_to_vec()).collect();
    let due = String::from_utf8_lossy(&due);
    format!("{due} {requests:?} {envelopes:?} {gifts:?}")
}

async fn all<S: TestStore>(bench: &Bench<S>, days: u64) -> usize {
    let now = bench.clock.now();
    let before = now.minus(DAY * u32::try_from(days).unwrap());
    let mut count = 0;
    loop {
        match forget(&bench.store, now, before, 1).await.unwrap() {
            0 => return count,
            some => count += some,
        }
    }
}

on_each! {
    async fn what_is_old_keeps_its_end_and_nothing_personal(bench) {
        bench.hear(gift(1, 25)).await;
        bench.hear(mail(2)).await;
        bench.run(DAY).await;
        let (before, row) = (bench.store.ledgers().await, bench.row(1).await);
        let told = stored(&bench).await;
        assert!(told.contains("jonas@northwind.example") && told.contains(LINK), "{told}");
        assert_eq!(all(&bench, 1).await, 0, "not older than that");
        bench.run(DAY).await;
        assert_eq!(all(&bench, 1).await, 2);
        assert_eq!(all(&bench, 1).await, 0, "once");

        let told = stored(&bench).await;
        for gone in ["jonas", "Jonas", "Weber", "mia@", LINK, "Subject:", "Acme"] {
            assert!(!told.contains(gone), "{gone} is still there: {told}");
        }
        let after = bench.row(1).await;
        assert_eq!(after.state.details_removed, Some(bench.clock.now()));
        assert_eq!((after.id, &after.home, after.status), (row.id, &row.home, row.status));
        assert_eq!((&after.due.moment, &after.due.enrolment_id), (&row.due.moment, &row.due.enrolment_id));
        assert_eq!((after.worth(), &after.state.reservation), (row.worth(), &row.state.reservation));
        assert_eq!(after.state.conclusion, row.state.conclusion);
        let attempts = bench.store.ledgers().await.attempts;
        let ends = |attempts: &[crate::Attempt]| -> Vec<_> {
            attempts.iter().map(|a| (a.id, a.state, a.vendor_id.clone(), a.started_at, a.ended_at)).collect()
        };
        assert_eq!(ends(&attempts), ends(&before.attempts));
        bench.assert_sound().await;
    }

    async fn what_was_forgotten_is_still_recognised(bench) {
        bench.hear(gift(1, 25)).await;
        bench.run(DAY * 3).await;
        assert_eq!(all(&bench, 1).await, 1);
        let published = bench.published().await;
        bench.hear(gift(1, 25)).await;
        bench.hear(revoked(1)).await;
        bench.run(DAY).await;
        assert_eq!(bench.published().await, published);
        assert_eq!(bench.gifts.desk().calls.len(), 1);
        assert_eq!(all(&bench, 0).await, 0, "it has no details to lose again");
    }

    async fn what_waits_or_was_revoked_before_it_came_is_left_alone(bench) {
        bench.gifts.script(&[Act::Reject(Class::NoFunds)]);
        bench.hear(gift(1, 25)).await;
        bench.hear(revoked(2)).await;
        bench.now().await;
        assert_eq!(all(&bench, 0).await, 0);
        assert_eq!(bench.end(1).await, "");
        assert!(stored(&bench).await.contains("jonas@northwind.example"));
    }
}

/// A row as the first version of the schema wrote it: it does not say when, on the wall, it was concluded.
#[tokio::test]
async fn a_file_from_before_is_brought_up_to_date_and_forgotten_by_the_time_of_arrival() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dispatcher.db");
    let store = sqlite::Store::open(&path, &sqlite::MIGRATIONS[..1]).await.unwrap();
    let conclusion = serde_json::json!({"outcome": "delivered", "reason": "", "at": Timestamp(7)});
    let state = serde_json::json!({"step": "notify", "conclusion": conclusion}).to_string();
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    sqlx::query(
        "insert into touchpoint (id, shard, home, tenant, enrolment, moment, status, received_at, due, state_version, state)
         values (?, ?, ?, 'acme', 'e-1', 'moment-1', 'concluded', 5, ?, 1, ?)",
    )
    .bind(tp(1).as_bytes().as_slice())
    .bind(i64::from(Shard::of(home().as_str()).number()))
    .bind(home().as_str())
    .bind(mail(1).encode_to_vec())
    .bind(state.into_bytes())
    .execute(tx.connection())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    drop(store);

    let store = sqlite::Store::open(&path, sqlite::MIGRATIONS).await.unwrap();
    assert_eq!(forget(&store, Timestamp(9), Timestamp(5), 9).await.unwrap(), 0);
    assert_eq!(forget(&store, Timestamp(9), Timestamp(6), 9).await.unwrap(), 1);
    let told = query::deliveries(store.readers(), query::Whose::Home(&home())).await.unwrap();
    assert_eq!((told[0].details_removed, told[0].moment.as_str()), (Some(Timestamp(9)), "moment-1"));
}

/// The janitor looks every hour, into a table that is never emptied.
#[tokio::test]
async fn what_is_old_is_found_by_its_index() {
    let bench = on_sqlite(CommitFaults::default()).await;
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "explain query plan select id, shard from touchpoint where detailed_since < 5 order by detailed_since limit 9",
    )
    .fetch_all(bench.store.readers())
    .await
    .unwrap();
    let by_index = |line: &(i64, i64, i64, String)| line.3.contains("USING INDEX touchpoint_with_details");
    assert!(plan.len() == 1 && plan.iter().all(by_index), "{plan:?}");
}
