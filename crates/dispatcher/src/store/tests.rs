//! Both stores give back the same for the same operations.

use afterglow_domain::{
    ConnectionId, Currency, DealKey, DealRef, HomeKey, Sensitive, Tenant, Timestamp, TouchpointId,
};
use afterglow_durable::{ShardSet, Store, Tx as _};
use afterglow_events::proto;
use afterglow_providers::Envelope;
use uuid::Uuid;

use super::DispatcherTx;
use crate::attempt::{Attempt, AttemptState};
use crate::ledger::{Budget, BudgetKey, DealLedger, Suppression, Used};
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

type Told = (Vec<Touchpoint>, Vec<Attempt>, Option<Attempt>, Vec<DealLedger>, Vec<Budget>, Vec<Suppression>);

fn deal(n: u32) -> DealRef {
    let deal = DealKey::new(format!("hubspot:33:deal:{n}")).unwrap();
    DealRef { tenant: tenant(), connection: ConnectionId::new("hub").unwrap(), deal }
}

fn ledger(n: u32, spent_minor: i64) -> DealLedger {
    let mut ledger = DealLedger { rev: 7, ..DealLedger::empty(deal(n), "a") };
    ledger.add(Used { year: 2026, currency: Currency::EUR, reserved_minor: 0, spent_minor });
    ledger
}

/// More rows than one statement takes, written, changed, and read back.
async fn tell<S: Store<Tx: DispatcherTx>>(store: S) -> Told {
    let key = |account: &str, year| BudgetKey {
        tenant: tenant(),
        account: account.to_owned(),
        year,
        currency: Currency::EUR,
    };
    let budget = |account, year, spent_minor| Budget {
        spent_minor,
        cap_minor: 9,
        joined_minor: 4,
        ..Budget::empty(key(account, year))
    };
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
    tx.save_deals(&[ledger(1, 1), ledger(2, 2)]).await.unwrap();
    tx.save_budgets(&[budget("a", 2026, 1), budget("a", 2027, 2), budget("b", 2026, 2)]).await.unwrap();
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
    tx.save_deals(&[DealLedger { merged_into: Some(deal(2)), ..ledger(1, 3) }]).await.unwrap();
    tx.save_budgets(&[budget("a", 2026, 3)]).await.unwrap();
    tx.suppress(&[suppression("second")]).await.unwrap();
    let ids: Vec<_> = (0..700).map(id).collect();
    let mut touchpoints = tx.load_touchpoints(&ids).await.unwrap();
    touchpoints.sort_by_key(|row| row.id);
    let mut newest = tx.load_newest_attempts(&ids).await.unwrap();
    newest.sort_by_key(|row| row.id);
    let one = tx.load_attempt(Attempt::id_of(id(1), 1)).await.unwrap();
    let deals = tx.load_deals(&[deal(1), deal(3)]).await.unwrap();
    let accounts = ["a", "c"].map(|account| (tenant(), account.to_owned()));
    let mut budgets = tx.load_budgets(&accounts).await.unwrap();
    budgets.sort_by_key(|row| row.key.clone());
    let suppressed = tx.load_suppressions(&[(tenant(), [7; 32]), (tenant(), [8; 32])]).await.unwrap();
    assert!(
        tx.load_touchpoints(&[]).await.unwrap().is_empty() && tx.load_budgets(&[]).await.unwrap().is_empty()
    );
    (touchpoints, newest, one, deals, budgets, suppressed)
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
    let (touchpoints, newest, one, deals, budgets, suppressed) = told;
    assert_eq!((touchpoints.len(), touchpoints[4].status), (600, Status::Concluded));
    assert_eq!(newest.iter().filter(|attempt| attempt.state == AttemptState::Found).count(), 1);
    assert_eq!((newest.len(), one), (2, Some(attempt(1, 1))));
    assert_eq!(deals, [DealLedger { merged_into: Some(deal(2)), ..ledger(1, 3) }]);
    let years: Vec<_> = budgets.iter().map(|row| (row.key.year, row.spent_minor)).collect();
    assert_eq!(years, [(2026, 3), (2027, 2)]);
    assert_eq!((suppressed.len(), suppressed[0].reason.as_str()), (1, "first"));
}

/// A folder of the first release: its rows stay, and the bytes that nobody sends any more go.
#[tokio::test]
async fn an_older_file_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.db");
    let old = super::sqlite::Store::open(&path, &super::sqlite::MIGRATIONS[..1]).await.unwrap();
    let mut tx = old.begin(&ShardSet::default()).await.unwrap();
    tx.save_attempts(&[attempt(1, 1), attempt(1, 2), attempt(2, 1)]).await.unwrap();
    let budget = "insert into budget values ('acme', 'a', 2026, 'EUR', 1, 2, 9)";
    sqlx::query(budget).execute(tx.connection()).await.unwrap();
    tx.commit().await.unwrap();
    drop(old);

    let new = super::sqlite::Store::open(&path, super::sqlite::MIGRATIONS).await.unwrap();
    let mut tx = new.begin(&ShardSet::default()).await.unwrap();
    for (touchpoint, n, kept) in [(1, 1, false), (1, 2, true), (2, 1, true)] {
        let row = tx.load_attempt(Attempt::id_of(id(touchpoint), n)).await.unwrap().unwrap();
        assert_eq!(!row.request.expose().is_empty(), kept, "attempt {n} of {touchpoint}");
    }
    let budgets = tx.load_budgets(&[(tenant(), "a".to_owned())]).await.unwrap();
    let [budget] = budgets.as_slice() else { panic!("{budgets:?}") };
    assert_eq!((budget.used_minor(), budget.cap_minor, budget.joined_minor), (3, 9, 0));
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;
    use afterglow_durable::store::CommitFaults;

    use super::*;
    use crate::store::postgres::SCHEMA;

    #[tokio::test]
    async fn it_tells_the_same_as_the_model() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        assert_eq!(tell(store).await, tell(crate::store::memory::Store::default()).await);
    }

    /// As two transactions of two shards do it, of which neither has seen the other's.
    #[tokio::test]
    async fn another_customer_s_touchpoint_is_not_written_over() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let save = async |row: &Touchpoint| {
            let mut tx = store.begin(&ShardSet::default()).await.unwrap();
            let saved = tx.save_touchpoints(std::slice::from_ref(row)).await;
            if saved.is_ok() {
                tx.commit().await.unwrap();
            }
            saved
        };
        let home = HomeKey::new("umbrella/ext:shop:1").unwrap();
        let (own, foreign) = (touchpoint(1), Touchpoint { home, ..touchpoint(1) });
        let revoked = |row: &Touchpoint| Touchpoint { status: Status::Tombstone, ..row.clone() };
        save(&revoked(&foreign)).await.unwrap();
        save(&revoked(&own)).await.expect_err("one revocation does not replace another's");
        save(&own).await.expect("what is due replaces the revocation of what is not that customer's");
        for late in [revoked(&foreign), foreign] {
            let error = save(&late).await.expect_err("it is another's");
            assert_eq!(error.disposition(), afterglow_domain::Disposition::Retry, "{error}");
        }
        let mut tx = store.begin(&ShardSet::default()).await.unwrap();
        assert_eq!(tx.load_touchpoints(&[id(1)]).await.unwrap(), [own]);
    }

    /// Two touchpoints of one account in different shards; neither finds a budget yet.
    #[tokio::test]
    async fn a_budget_that_is_not_there_yet_is_locked() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let account = (tenant(), "a".to_owned());
        let key =
            BudgetKey { tenant: tenant(), account: "a".to_owned(), year: 2026, currency: Currency::EUR };
        let spend = async || {
            let mut tx = store.begin(&ShardSet::default()).await.unwrap();
            let found = tx.load_budgets(std::slice::from_ref(&account)).await.unwrap().pop();
            let budget = found.unwrap_or_else(|| Budget::empty(key.clone()));
            let spent_minor = budget.spent_minor + 1;
            tx.save_budgets(&[Budget { spent_minor, ..budget }]).await.unwrap();
            tx.commit().await.unwrap();
        };
        futures::future::join_all((0..8).map(|_| spend())).await;
        let mut tx = store.begin(&ShardSet::default()).await.unwrap();
        assert_eq!(tx.load_budgets(&[account]).await.unwrap()[0].spent_minor, 8);
    }

    /// The suppression waits for the claim that looked before it, and the next claim sees it.
    #[tokio::test]
    async fn an_address_is_locked_by_who_looks_whether_it_is_suppressed() {
        let database = Database::fresh().await;
        let (store, _) = database.fresh_store(&SCHEMA, CommitFaults::default()).await;
        let address = (tenant(), [7; 32]);
        let mut claim = store.begin(&ShardSet::default()).await.unwrap();
        assert_eq!(claim.load_suppressions(std::slice::from_ref(&address)).await.unwrap(), []);
        let suppress = async {
            let mut tx = store.begin(&ShardSet::default()).await.unwrap();
            let row = Suppression {
                tenant: tenant(),
                address_hmac: [7; 32],
                since: Timestamp(3),
                reason: "asked".to_owned(),
            };
            tx.suppress(&[row]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let claimed = async {
            until_one_waits(&store).await;
            claim.commit().await.unwrap();
        };
        futures::join!(suppress, claimed);
        let mut tx = store.begin(&ShardSet::default()).await.unwrap();
        assert_eq!(tx.load_suppressions(&[address]).await.unwrap().len(), 1);
    }

    /// Somebody waits for a lock by name in this database.
    async fn until_one_waits(store: &crate::store::postgres::Store) {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())";
        let wait = async {
            while sqlx::query_scalar::<_, i64>(waiting).fetch_one(store.readers()).await.unwrap() == 0 {}
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("somebody waits");
    }
}
