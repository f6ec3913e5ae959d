//! Records in: what is due, what is not any more, who wants no mail, whose customer a deal is.
//!
//! Invariants: a touchpoint is recognised by its id for ever; a revocation that comes before its
//! touchpoint stays as a tombstone; what cannot be understood is refused whole and becomes a dead letter.

use std::collections::BTreeSet;

use afterglow_domain::{HomeKey, Timestamp, TouchpointId};
use afterglow_durable::turns::{Handler, Incoming};
use afterglow_durable::{Error, InboxMark, Store, Timeline, Tx as _, metric};
use afterglow_events::proto::{self, DeliveryCause, signal::Kind, touchpoint_due::Deed};
use afterglow_events::{Body, convert, identity};
use afterglow_providers::{GiftVendor, Mailer};

use crate::ROLE;
use crate::case::Case;
use crate::customer::News;
use crate::ledger::Suppression;
use crate::run::Dispatcher;
use crate::store::DispatcherTx;
use crate::touchpoint::{State, Status, Step, Touchpoint};
use crate::turn::{Cases, Turn};

impl<S, G, M> Handler for Dispatcher<S, G, M>
where
    S: Store,
    S::Tx: DispatcherTx,
    G: GiftVendor + 'static,
    M: Mailer + 'static,
{
    type Tx = S::Tx;

    fn role(&self) -> &'static str {
        ROLE
    }

    async fn apply(&self, tx: &mut Self::Tx, records: Vec<Incoming>) -> Result<(), Error> {
        let mut turn = Turn::new(&self.options, &self.clocks);
        let ids = ids_of(&records)?;
        let news = news_of(&records)?;
        let mut cases = turn.load_with(tx, &ids, &news).await?;
        let signals: Vec<&Incoming> =
            records.iter().filter(|incoming| matches!(incoming.event.body, Body::Signal(_))).collect();
        let marks: Vec<InboxMark> = signals.iter().map(|incoming| incoming.signal_mark()).collect();
        let first = tx.first_seen(&marks).await?;
        let repeated = first.iter().filter(|first| !**first).count();
        metrics::counter!(metric::REPEATED, "role" => ROLE).increment(repeated as u64);
        for (incoming, _) in signals.iter().zip(first).filter(|(_, first)| *first) {
            signal(&mut turn, incoming)?;
        }
        let mut touched = BTreeSet::new();
        for incoming in &records {
            touched.extend(match &incoming.event.body {
                Body::TouchpointDue(message) => due(&mut turn, &mut cases, incoming, message)?,
                Body::TouchpointRevoked(message) => revoked(&mut turn, &mut cases, incoming, message)?,
                _ => {
                    if let Some(news) = News::of_deal(incoming)? {
                        turn.learn(&news);
                    }
                    None
                }
            });
        }
        let changed = cases.into_iter().filter(|(id, _)| touched.contains(id)).map(|(_, case)| case);
        turn.save(tx, changed.collect(), &[]).await
    }

    fn now(&self, timeline: Timeline) -> Timestamp {
        match timeline {
            Timeline::Wall => self.clocks.wall.now(),
            Timeline::Journey => self.clocks.journey.now(),
        }
    }
}

pub(crate) fn refused(what: &str) -> Error {
    Error::Refused(format!("the event is not of the contract: {what}"))
}

fn id_of(text: &str) -> Result<TouchpointId, Error> {
    text.parse().map_err(|_| refused("touchpoint_id is no UUID"))
}

fn ids_of(records: &[Incoming]) -> Result<Vec<TouchpointId>, Error> {
    let ids = records.iter().filter_map(|incoming| match &incoming.event.body {
        Body::TouchpointDue(message) => Some(id_of(&message.touchpoint_id)),
        Body::TouchpointRevoked(message) => Some(id_of(&message.touchpoint_id)),
        _ => None,
    });
    ids.collect()
}

pub(crate) fn home_of(incoming: &Incoming) -> Result<HomeKey, Error> {
    HomeKey::new(incoming.event.envelope.subject.as_str()).map_err(|error| refused(&error.to_string()))
}

/// Whether a record is about a touchpoint of this home key. Ids can be computed by anybody, so an event of another
/// customer, or another tenant, neither takes a touchpoint back nor learns its end.
fn check_home(case: &Case, incoming: &Incoming) -> Result<(), Error> {
    let subject = incoming.event.envelope.subject.as_str();
    if case.touchpoint.home.as_str() == subject {
        return Ok(());
    }
    Err(refused(&format!("touchpoint {} is not of {subject}", case.touchpoint.id)))
}

/// Whether a touchpoint is the record's tenant's own. Whoever comes first takes the id, here and at the gift
/// vendor, so it must be made of a deal of this tenant's: the contract has seen that every deal named is.
fn check_identity(id: TouchpointId, message: &proto::TouchpointDue) -> Result<(), Error> {
    match identity::of_due(message) {
        Some((enrolment, touchpoint))
            if touchpoint == id && message.enrolment_id == enrolment.to_string() =>
        {
            Ok(())
        }
        _ => Err(refused("its ids are not those that its deal, journey, moment and occurrence give")),
    }
}

/// Everything that the records say of deals, to be loaded for; it is taken in record by record.
fn news_of(records: &[Incoming]) -> Result<Vec<News>, Error> {
    let mut all = Vec::new();
    for incoming in records {
        match &incoming.event.body {
            Body::TouchpointDue(message) => all.extend(News::of_touchpoint(message, &home_of(incoming)?)),
            _ => all.extend(News::of_deal(incoming)?),
        }
    }
    Ok(all)
}

fn signal(turn: &mut Turn<'_>, incoming: &Incoming) -> Result<(), Error> {
    let Body::Signal(message) = &incoming.event.body else { return Ok(()) };
    // Kinds that this version does not know concern others.
    let Some(Kind::Unsubscribed(unsubscribed)) = &message.kind else { return Ok(()) };
    let address_hmac = unsubscribed.address_hmac.as_ref().try_into();
    let reason = match unsubscribed.method.as_str() {
        "one_click" => "unsubscribed (one click)",
        "page" => "unsubscribed (page)",
        _ => "unsubscribed",
    };
    turn.suppress.push(Suppression {
        tenant: incoming.event.envelope.tenant.clone(),
        address_hmac: address_hmac.map_err(|_| refused("address_hmac is not 32 bytes"))?,
        since: turn.wall,
        reason: reason.to_owned(),
    });
    Ok(())
}

fn new_case(turn: &Turn<'_>, id: TouchpointId, incoming: &Incoming, state: State) -> Result<Case, Error> {
    Ok(Case::new(Touchpoint {
        id,
        home: home_of(incoming)?,
        status: Status::Tombstone,
        armed: None,
        received_at: turn.wall,
        due: Box::default(),
        state,
    }))
}

fn due(
    turn: &mut Turn<'_>,
    cases: &mut Cases,
    incoming: &Incoming,
    message: &proto::TouchpointDue,
) -> Result<Option<TouchpointId>, Error> {
    let id = id_of(&message.touchpoint_id)?;
    check_identity(id, message)?;
    let step = first_step(message)?;
    let traceparent = incoming.event.envelope.traceparent.clone();
    if let Some(case) = cases.get(&id)
        && let Err(foreign) = check_home(case, incoming)
    {
        if case.touchpoint.status != Status::Tombstone {
            return Err(foreign);
        }
        // Another customer's revocation came first, of what is not that customer's.
        cases.remove(&id);
    }
    match cases.get_mut(&id) {
        None => {
            let mut case = new_case(turn, id, incoming, State::new(step, traceparent))?;
            *case.touchpoint.due = message.clone();
            if let Some(news) = News::of_touchpoint(message, &case.touchpoint.home) {
                turn.learn(&news);
            }
            case.wait(turn, None, turn.wall);
            cases.insert(id, case);
        }
        Some(case) if case.touchpoint.status == Status::Tombstone => {
            *case.touchpoint.due = message.clone();
            let reason = case.touchpoint.state.revoked.clone().unwrap_or_default();
            case.touchpoint.state = State { revoked: Some(reason.clone()), ..State::new(step, traceparent) };
            case.end(turn, DeliveryCause::Revoked, &reason);
        }
        Some(case) => {
            // Whoever asks again heard no end, and one that was lost on its way is lost for good: it is
            // said again. While there is none, there is nothing to say.
            case.emit_conclusion(turn);
            return Ok(None);
        }
    }
    Ok(Some(id))
}

/// The step in which it begins; refuses what lacks a part that the step needs. A missing address or
/// text is no breach of the contract: it fails with a reason when its time comes.
fn first_step(message: &proto::TouchpointDue) -> Result<Step, Error> {
    if message.deadline_at.is_none() {
        return Err(refused("deadline_at is missing"));
    }
    match &message.deed {
        Some(Deed::Gift(gift)) => {
            let worth = convert::from_money(gift.worth.as_ref());
            if worth.is_none_or(|worth| worth.minor <= 0 || worth.minor > afterglow_domain::money::MINOR_MAX)
            {
                return Err(refused("gift.worth is missing or not above zero"));
            }
            Ok(Step::Order)
        }
        Some(Deed::Mail(_) | Deed::Task(_)) => Ok(Step::Notify),
        None => Err(refused("it names no gift, mail or task")),
    }
}

/// A waiting touchpoint ends at once. A call under way is let go on, and what comes of it is told as it
/// is: a mail that went is delivered; a gift that was ordered failed, its money spent, without its mail.
fn revoked(
    turn: &mut Turn<'_>,
    cases: &mut Cases,
    incoming: &Incoming,
    message: &proto::TouchpointRevoked,
) -> Result<Option<TouchpointId>, Error> {
    let id = id_of(&message.touchpoint_id)?;
    let reason = Some(message.reason.clone());
    let Some(case) = cases.get_mut(&id) else {
        let state = State { revoked: reason, ..State::new(Step::Notify, None) };
        let case = new_case(turn, id, incoming, state)?;
        cases.insert(id, case);
        return Ok(Some(id));
    };
    check_home(case, incoming)?;
    match case.touchpoint.status {
        Status::Tombstone | Status::Concluded => return Ok(None),
        Status::Calling | Status::InDoubt => case.touchpoint.state.revoked = reason,
        Status::Waiting => {
            case.touchpoint.state.revoked = reason;
            if case.looked_too_early(turn) {
                case.look_again_later(turn);
            } else if case.touchpoint.is_gift_ordered() {
                case.end(turn, DeliveryCause::Revoked, &format!("revoked: {}", message.reason));
            } else {
                case.end(turn, DeliveryCause::Revoked, &message.reason);
            }
        }
    }
    Ok(Some(id))
}
