//! The toolkit of this crate's tests: a log on a list, a CRM on a map, deals.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterglow_crm::{Account, Error, Pace, READ_BUDGET, Reader, Reading, Snapshot, Status};
use afterglow_domain::{AccountKey, ConnectionId, Crm, Currency, DealKey, DealRef, Money, Tenant, Timestamp};
use afterglow_events::{
    Append, AppendError, Consume, ConsumeError, Cursor, Event, Position, Received, Record, Topic,
};

/// 2026-03-06T09:30:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_789_400_000_000);

pub(crate) const PORTAL: i64 = 33;

pub(crate) fn key(n: u64) -> DealKey {
    DealKey::hubspot(PORTAL, &n.to_string()).unwrap()
}

/// Deal `n` of the connection `hub`.
pub(crate) fn deal(n: u64) -> DealRef {
    deal_of("hub", n)
}

pub(crate) fn deal_of(connection: &str, n: u64) -> DealRef {
    DealRef {
        tenant: Tenant::new("acme").unwrap(),
        connection: ConnectionId::new(connection).unwrap(),
        deal: key(n),
    }
}

pub(crate) fn account(n: u64) -> Account {
    Account { key: AccountKey::hubspot(PORTAL, &n.to_string()).unwrap(), name: format!("Company {n}") }
}

/// Deal `n`, won a minute before [`START`].
pub(crate) fn won(n: u64) -> Snapshot {
    let at = START.minus(Duration::from_mins(1));
    Snapshot {
        deal: key(n),
        name: format!("Deal {n}"),
        account: Some(account(9000 + n)),
        owner: None,
        contacts: Vec::new(),
        amount: Some(Money::new(1_000_000, Currency::USD)),
        amount_problem: None,
        stage: "closedwon".to_owned(),
        status: Status::Won,
        close_date: None,
        won_at: Some(at),
        deal_type: None,
        modified: at,
    }
}

/// The same deal in another stage, changed `later` seconds after it was won.
pub(crate) fn moved(n: u64, stage: &str, later: u64) -> Snapshot {
    let won = won(n);
    let status = match stage {
        "closedwon" => Status::Won,
        "closedlost" => Status::Lost,
        _ => Status::Open,
    };
    let modified = won.modified.plus(Duration::from_secs(later));
    Snapshot {
        stage: stage.to_owned(),
        status,
        won_at: (status == Status::Won).then_some(modified),
        modified,
        ..won
    }
}

/// A pace without a rate behind it.
pub(crate) const UNHURRIED: Pace =
    Pace { reads_at_once: 8, read_time: Duration::ZERO, read_time_max: READ_BUDGET };

/// A CRM that answers what the test put into it.
#[derive(Clone)]
pub(crate) struct FakeCrm {
    answers: Arc<Mutex<BTreeMap<DealKey, Result<Reading, Error>>>>,
    /// How often it was asked.
    asked: Arc<AtomicUsize>,
    pace: Pace,
}

impl FakeCrm {
    /// A CRM at this pace that knows no deal.
    pub(crate) fn at(pace: Pace) -> Self {
        Self { answers: Arc::default(), asked: Arc::default(), pace }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The deal that is asked for now answers with this snapshot.
    pub(crate) fn set(&self, asked: u64, snapshot: Snapshot) {
        self.answer(asked, Ok(Reading::Found(Box::new(snapshot))));
    }

    pub(crate) fn gone(&self, asked: u64) {
        self.answer(asked, Ok(Reading::Gone));
    }

    pub(crate) fn fails(&self, asked: u64, error: Error) {
        self.answer(asked, Err(error));
    }

    fn answer(&self, asked: u64, answer: Result<Reading, Error>) {
        self.answers.lock().unwrap().insert(key(asked), answer);
    }
}

impl Reader for FakeCrm {
    async fn read(&self, deal: &DealKey) -> Result<Reading, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.lock().unwrap().get(deal).cloned().unwrap_or(Ok(Reading::Gone))
    }

    fn pace(&self) -> Pace {
        self.pace
    }
}

pub(crate) fn outage() -> Error {
    Error::Unavailable { vendor: Crm::Hubspot, status: Some(503), what: "503".to_owned() }
}

/// A log of one partition that keeps everything, or refuses everything.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    records: Vec<Record>,
    away: bool,
    stuck: bool,
}

impl Log {
    /// The log refuses from now on, or takes again.
    pub(crate) fn away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    /// The log never answers from now on.
    pub(crate) fn stuck(&self) {
        self.0.lock().unwrap().stuck = true;
    }

    pub(crate) fn records(&self, topic: Topic) -> Vec<Record> {
        let kept = self.0.lock().unwrap();
        kept.records.iter().filter(|record| record.topic == topic).cloned().collect()
    }

    pub(crate) fn events(&self, topic: Topic) -> Vec<Event> {
        self.records(topic).iter().map(|record| Event::from_record(record).unwrap()).collect()
    }

    pub(crate) fn consumer(&self, topic: Topic) -> Consumer {
        Consumer { log: self.clone(), topic, next: 0, committed: 0 }
    }
}

impl Append for Log {
    async fn append(&self, records: Vec<Record>) -> Vec<Result<Position, AppendError>> {
        let stuck = self.0.lock().unwrap().stuck;
        if stuck {
            std::future::pending::<()>().await;
        }
        let mut kept = self.0.lock().unwrap();
        if kept.away {
            return vec![Err(AppendError::Unavailable("disk full".to_owned())); records.len()];
        }
        let first = kept.records.len();
        let positions = (first..first + records.len())
            .map(|offset| Ok(Position { partition: 0, offset: i64::try_from(offset).unwrap() }))
            .collect();
        kept.records.extend(records);
        positions
    }
}

/// Reads a topic of the log from its beginning.
pub(crate) struct Consumer {
    log: Log,
    topic: Topic,
    next: usize,
    committed: usize,
}

impl Consume for Consumer {
    async fn poll(&mut self, max: usize, _wait: Duration) -> Result<Vec<Received>, ConsumeError> {
        let records = self.log.records(self.topic);
        let page: Vec<Received> = (self.next..records.len())
            .take(max)
            .map(|offset| Received {
                record: records[offset].clone(),
                partition: 0,
                offset: i64::try_from(offset).unwrap(),
                taken_at: START,
            })
            .collect();
        self.next += page.len();
        Ok(page)
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), ConsumeError> {
        let next = cursors.iter().map(|cursor| usize::try_from(cursor.next_offset).unwrap()).max();
        self.committed = next.unwrap_or(self.committed);
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), ConsumeError> {
        self.next = self.committed;
        Ok(())
    }
}
