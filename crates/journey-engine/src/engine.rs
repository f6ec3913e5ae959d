//! The loops' side: reads what a batch needs, lets a [`Turn`] decide on it in order, writes it.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use afterglow_domain::{Clocks, DealRef, EnrolmentId, HomeKey, Shard, Tenant, Timestamp};
use afterglow_durable::metric::REPEATED;
use afterglow_durable::turns::{Fires, Handler, Incoming};
use afterglow_durable::{Error, InboxMark, ShardSet, Timeline, Timer};
use afterglow_events::{Body, Encoding};

use crate::codes;
use crate::journeys::{Journeys, VersionKey};
use crate::metric;
use crate::reach::Reach;
use crate::record::Stamp;
use crate::rows::{DealRow, EnrolmentRow};
use crate::store::EngineTx;
use crate::turn::{Answer, Turn, survivor_home};
use crate::waiting::{self, DealEvent};

/// The role's name and consumer group. It consumes `deals`, `deliveries` and `signals`.
pub const ROLE: &str = "journey-engine";

/// What the role needs from the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How payloads are written.
    pub encoding: Encoding,
    /// The template variable `sender.company`.
    pub sender_company: String,
}

/// The role.
pub struct Engine<T> {
    options: Options,
    clocks: Clocks,
    journeys: Journeys,
    reach: Reach,
    tx: PhantomData<fn(T)>,
}

/// What a record is to this role.
enum Item {
    Deal(DealEvent, HomeKey),
    Answer(Answer, HomeKey),
    Signal(InboxMark),
    Ignored,
}

/// Which rows a batch needs.
#[derive(Default)]
struct Wanted {
    deals: BTreeSet<DealRef>,
    enrolments: BTreeSet<EnrolmentId>,
    /// Whose new deals may start.
    tenants: BTreeSet<Tenant>,
}

/// The rows of a turn, and its now on the journey's clock.
struct Rows {
    deals: Vec<DealRow>,
    enrolments: Vec<EnrolmentRow>,
    tenants: BTreeSet<Tenant>,
    now: Timestamp,
}

impl<T: EngineTx> Engine<T> {
    /// A role that knows nothing yet; journeys are [`crate::publish`]ed before it runs.
    pub fn new(options: Options, clocks: Clocks) -> Self {
        let journeys = Journeys::new(clocks.speed());
        Self { options, clocks, journeys, reach: Reach::default(), tx: PhantomData }
    }

    fn item(&self, incoming: Incoming) -> Result<Item, Error> {
        if matches!(incoming.event.body, Body::Signal(_)) {
            return Ok(Item::Signal(incoming.signal_mark()));
        }
        let event = incoming.event;
        if let Body::DeliveryConcluded(concluded) = &event.body {
            let now = self.clocks.journey.now();
            let answer = Answer::of(&event, concluded, now).map_err(Error::Refused)?;
            return Ok(Item::Answer(answer, home_of(&event.envelope.subject)?));
        }
        Ok(match DealEvent::of(&event.envelope, event.body) {
            Some(deal) => Item::Deal(deal.map_err(Error::Refused)?, home_of(&event.envelope.subject)?),
            None => Item::Ignored,
        })
    }

    async fn load(&self, tx: &mut T, wanted: Wanted) -> Result<Turn<'_>, Error> {
        let first: Vec<DealRef> = wanted.deals.iter().cloned().collect();
        let mut deals = tx.load_deals(&first).await?;
        // A merge that waited for its turn brings its survivor in only now.
        let late: BTreeSet<DealRef> =
            deals.iter().flat_map(waiting_survivors).map(|(survivor, _)| survivor).collect();
        let late: Vec<DealRef> = late.difference(&wanted.deals).cloned().collect();
        deals.extend(tx.load_deals(&late).await?);
        let all: Vec<DealRef> = first.into_iter().chain(late).collect();
        let mut enrolments = tx.load_enrolments_of(&all).await?;
        let found: BTreeSet<EnrolmentId> = enrolments.iter().map(|row| row.id).collect();
        let others: Vec<EnrolmentId> = wanted.enrolments.difference(&found).copied().collect();
        enrolments.extend(tx.load_enrolments(&others).await?);
        let now = self.clocks.journey.now();
        self.turn(tx, Rows { deals, enrolments, tenants: wanted.tenants, now }).await
    }

    /// A turn on these rows, with the journeys and deals that they name.
    async fn turn(&self, tx: &mut T, rows: Rows) -> Result<Turn<'_>, Error> {
        let stamp = Stamp { options: &self.options, now: rows.now, wall: self.clocks.wall.now() };
        let mut turn = Turn::new(stamp, &self.clocks, rows.deals, rows.enrolments);
        let followed = tx.load_deals(&turn.missing_deals()).await?;
        turn.add_deals(followed);
        let tenants: Vec<Tenant> = rows.tenants.into_iter().collect();
        let in_use: Vec<VersionKey> =
            if tenants.is_empty() { Vec::new() } else { tx.load_in_use(&tenants).await? };
        let versions = turn.versions(in_use);
        let journeys = self.journeys.load(tx, versions).await?;
        turn.read_journeys(journeys);
        Ok(turn)
    }

    /// Every shard that may be written must be locked. One that is found late is remembered, and the
    /// turn is repeated with the union.
    fn check_reach(&self, turn: &Turn<'_>, events: &[&DealEvent], locked: &ShardSet) -> Result<(), Error> {
        let mut complete = true;
        for event in events {
            let mut needed = turn.shards_of(&event.deal);
            let waiting = turn.deal(&event.deal).map(waiting_survivors).unwrap_or_default();
            for (survivor, home) in waiting.into_iter().chain(survivor_of(&event.body)) {
                needed.extend(turn.shards_of(&survivor));
                needed.insert(Shard::of(home.as_str()));
            }
            if needed.iter().any(|shard| !locked.contains(*shard)) {
                self.reach.learn(&event.deal, needed);
                complete = false;
            }
        }
        if complete {
            return Ok(());
        }
        metrics::counter!(metric::REPEATED_TURNS).increment(1);
        Err(Error::Unavailable(
            "a merged deal's other shard was found late; deciding again with both".to_owned(),
        ))
    }
}

fn home_of(subject: &str) -> Result<HomeKey, Error> {
    HomeKey::new(subject).map_err(|error| Error::Refused(format!("{}: {error}", codes::RECORD)))
}

fn survivor_of(body: &Body) -> Option<(DealRef, HomeKey)> {
    let (snapshot, survivor, home) = waiting::survivor(body)?;
    let home = survivor_home(snapshot, &survivor, home);
    Some((survivor, home))
}

fn waiting_survivors(row: &DealRow) -> Vec<(DealRef, HomeKey)> {
    row.waiting.events().filter_map(|event| survivor_of(&event.body)).collect()
}

impl<T: EngineTx> Handler for Engine<T> {
    type Tx = T;

    fn role(&self) -> &'static str {
        ROLE
    }

    fn shards(&self, incoming: &Incoming) -> Vec<Shard> {
        let mut shards = vec![Shard::of(incoming.received.record.key_text())];
        let event = &incoming.event;
        if let Some(Ok((deal, _))) = waiting::numbered(&event.envelope, &event.body) {
            shards.extend(self.reach.of(&deal));
            shards.extend(survivor_of(&event.body).map(|(_, home)| Shard::of(home.as_str())));
        }
        shards
    }

    async fn apply(&self, tx: &mut T, records: Vec<Incoming>) -> Result<(), Error> {
        let items =
            records.into_iter().map(|incoming| self.item(incoming)).collect::<Result<Vec<Item>, Error>>()?;
        let (mut wanted, mut events, mut marks) = (Wanted::default(), Vec::new(), Vec::new());
        for item in &items {
            match item {
                Item::Deal(event, _) => {
                    wanted.tenants.insert(event.deal.tenant.clone());
                    wanted.deals.insert(event.deal.clone());
                    wanted.deals.extend(survivor_of(&event.body).map(|(survivor, _)| survivor));
                    events.push(event);
                }
                Item::Answer(answer, _) => {
                    wanted.enrolments.insert(answer.enrolment);
                }
                Item::Signal(mark) => marks.push(mark.clone()),
                Item::Ignored => metrics::counter!(metric::IGNORED, "why" => "progress").increment(1),
            }
        }
        // Signals move nothing yet; from the first release on each has its effect once.
        let heard = tx.first_seen(&marks).await?;
        let first = heard.iter().filter(|first| **first).count();
        metrics::counter!(metric::IGNORED, "why" => "signal").increment(first as u64);
        metrics::counter!(REPEATED, "role" => ROLE).increment((heard.len() - first) as u64);
        let mut turn = self.load(tx, wanted).await?;
        self.check_reach(&turn, &events, tx.locked())?;
        for item in items {
            match item {
                Item::Deal(event, home) => turn.deal_event(event, &home)?,
                Item::Answer(answer, home) => turn.answer(&answer, &home)?,
                Item::Signal(_) | Item::Ignored => {}
            }
        }
        turn.write(tx).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        match timeline {
            Timeline::Wall => self.clocks.wall.now(),
            Timeline::Journey => self.clocks.journey.now(),
        }
    }
}

impl<T: EngineTx> Fires for Engine<T> {
    async fn fire(&self, tx: &mut T, timers: &[Timer], now: Timestamp) -> Result<(), Error> {
        let ids: BTreeSet<EnrolmentId> = timers.iter().map(|timer| EnrolmentId(timer.owner)).collect();
        let ids: Vec<EnrolmentId> = ids.into_iter().collect();
        let enrolments = tx.load_enrolments(&ids).await?;
        let mut turn =
            self.turn(tx, Rows { deals: Vec::new(), enrolments, tenants: BTreeSet::new(), now }).await?;
        timers.iter().try_for_each(|timer| turn.fire(timer))?;
        turn.write(tx).await
    }
}
