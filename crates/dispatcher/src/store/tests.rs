//! Both stores give back the same for the same operations.

use afterglow_domain::{Currency, HomeKey, Sensitive, Tenant, Timestamp, TouchpointId};
use afterglow_durable::{ShardSet, Store, Tx as _};
use afterglow_events::proto;
use afterglow_providers::Envelope;
use uuid::Uuid;

use super::DispatcherTx;
use crate::attempt::{Attempt, AttemptState};
use crate::ledger::{Budget, BudgetKey, Suppression};
use crate::touchpoint::{State, Status, Step, Touchpoint, Wait};

fn id(n: u128) -> TouchpointId {
    TouchpointId(Uuid::from_u128(n))
}

fn touchpoint(n: u128) -> Touchpoint {
    let due = proto::TouchpointDue { moment: format!("m{n}"), ..Default::default() };
    let waits_for = Some(Wait::Vendor("away".to_owned()));
    Touchpoint {
        id: id(n),
        home: HomeKey::new("acme/hubspot:33:9001").unwrap(),
        status: Status::Waiting,
        armed: n.is_multiple_of(2).then_some(Timestamp(7)),
        received_at: Timestamp(-1),
        due: Box::new(due),
        state: State { waits_for, ..State::new(Step::Order, None) },
    }
}

fn attempt(touchpoint: u128, n: u32) -> Attempt {
    let envelope = Envelope { from: "a@b.example".into(), to: "c@d.example".into() };
    Attempt {
        id: Attempt::id_of(id(touchpoint), n),
        touchpoint: id(touchpoint),
        step: Step::Notify,
        n,
        state: AttemptState::InFlight,
        vendor: "smtp".to_owned(),
        request: Sensitive::new(vec![0, 255]),
        envelope: (n == 1).then_some(envelope),
        started_at: Timestamp(1),
        recover_after: Timestamp(2),
        ended_at: None,
        vendor_id: String::new(),
        reason: String::new(),
    }
}

type Told = (Vec<Touchpoint>, Vec<Attempt>, Option<Attempt>, Vec<Budget>, Vec<Suppression>);

/// More rows than one statement takes, written, changed, and read back.
async fn tell<S: Store<Tx: DispatcherTx>>(store: S) -> Told {
    let key = |year| BudgetKey { tenant: tenant(), account: "a".to_owned(), year, currency: Currency::EUR };
    let budget = |year, spent_minor| Budget { spent_minor, cap_minor: 9, ..Budget::empty(key(year)) };
    let suppression = |reason: &str| Suppression {
        tenant: tenant(),
        address_hmac: [7; 32],
        since: Timestamp(3),
        reason: reason.to_owned(),
    };
    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    let rows: Vec<_> = (0..600).map(touchpoint).collect();
    tx.save_touchpoints(&rows).await.unwrap();
    tx.save_attempts(&[attempt(1, 1), attempt(1, 2), attempt(2, 1)]).await.unwrap();
    tx.save_budgets(&[budget(2026, 1), budget(2027, 2)]).await.unwrap();
    tx.suppress(&[suppression("first")]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(&ShardSet::default()).await.unwrap();
    tx.save_touchpoints(&[Touchpoint { status: Status::Concluded, armed: None, ..touchpoint(4) }])
        .await
        .unwrap();
    tx.save_attempts(&[Attempt {
        state: AttemptState::Found,
        ended_at: Some(Timestamp(5)),
        ..attempt(1, 2)
    }])
    .await
    .unwrap();
    tx.save_budgets(&[budget(2026, 3)]).await.unwrap();
    tx.suppress(&[suppression("second")]).await.unwrap();
    let ids: Vec<_> = (0..700).map(id).collect();
    let mut touchpoints = tx.load_touchpoints(&ids).await.unwrap();
    touchpoints.sort_by_key(|row| row.id);
    let mut newest = tx.load_newest_attempts(&ids).await.unwrap();
    newest.sort_by_key(|row| row.id);
    let one = tx.load_attempt(Attempt::id_of(id(1), 1)).await.unwrap();
    let budgets = tx.load_budgets(&[key(2026), key(2028)]).await.unwrap();
    let suppressed = tx.load_suppressions(&[(tenant(), [7; 32]), (tenant(), [8; 32])]).await.unwrap();
    assert!(
        tx.load_touchpoints(&[]).await.unwrap().is_empty() && tx.load_budgets(&[]).await.unwrap().is_empty()
    );
    (touchpoints, newest, one, budgets, suppressed)
}

fn tenant() -> Tenant {
    Tenant::new("acme").unwrap()
}

#[tokio::test]
async fn both_stores_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.db");
    let sqlite = super::sqlite::Store::open(&path, super::sqlite::MIGRATIONS).await.unwrap();
    let told = tell(sqlite).await;
    assert_eq!(told, tell(super::memory::Store::default()).await);
    let (touchpoints, newest, one, budgets, suppressed) = told;
    assert_eq!((touchpoints.len(), touchpoints[4].status), (600, Status::Concluded));
    assert_eq!(newest.iter().filter(|attempt| attempt.state == AttemptState::Found).count(), 1);
    assert_eq!((newest.len(), one), (2, Some(attempt(1, 1))));
    assert_eq!((budgets.len(), budgets[0].spent_minor), (1, 3));
    assert_eq!((suppressed.len(), suppressed[0].reason.as_str()), (1, "first"));
}
