//! What `afterglow explain` and lists ask: read-only, short, and put together here from [`Rows`], whichever
//! store keeps them: on a pool of [`afterglow_durable::sqlite::open_read_only`] or of
//! [`afterglow_durable::postgres::open_read_only`].
//!
//! Account and deal names are business data and come back plain; people's names never do.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::future::Future;

use afterglow_domain::{DealRef, EnrolmentId, HomeKey, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_events::identity;
use afterglow_journey::{DayZero, Definition, Phase, Promise, Published, State, Status, Zone, day_of};
use jiff::civil::Date;

use crate::codes;
use crate::rows::{Closed, DealRow, EnrolmentRow, ObligationRow, Standing};

/// How many enrolments or deals are worth reading. An answer holds one more where there are more: who
/// finds that one asks for something narrower.
pub const FOUND_MAX: usize = 100;

/// An enrolment as a person wants to read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolment {
    /// Which run.
    pub id: EnrolmentId,
    /// The key of all its events.
    pub home: HomeKey,
    /// The deal that it follows now.
    pub deal: DealRef,
    /// The journey and the version it is pinned to.
    pub journey: (String, u32),
    /// `active`, `held`, `closing`, `completed` or `exited`.
    pub phase: &'static str,
    /// Why it is closing or exited.
    pub phase_reason: Option<String>,
    /// The account's key and name as last heard; empty while unknown.
    pub account: (String, String),
    /// Day 0 as days are counted now.
    pub day_zero: Date,
    /// Which of the deal's dates day 0 is.
    pub counted_from: DayZero,
    /// The recipient's clock.
    pub zone: Zone,
    /// When it looks again; `None` when ended.
    pub next_due: Option<Timestamp>,
    /// When its details were removed because of their age.
    pub details_removed: Option<Timestamp>,
    /// Every obligation, by planned time and occurrence.
    pub obligations: Vec<Obligation>,
}

/// One occurrence of one promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Obligation {
    /// The moment's id.
    pub moment: String,
    /// Which occurrence, from 0.
    pub occurrence: u32,
    /// The day of `planned`, counted from day 0.
    pub day: i32,
    /// When it is, or was, to go out.
    pub planned: Timestamp,
    /// From when on it may not go out any more.
    pub deadline: Timestamp,
    /// The touchpoint's id, whether it was emitted or not: the key to what the dispatcher knows.
    pub touchpoint: TouchpointId,
    /// Where it stands.
    pub stands: Stands,
}

/// Where an obligation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// It ended.
    Closed(Closed),
    /// It waits, and the reason of the last delay if there was one.
    Waiting {
        /// When it is tried next.
        due: Timestamp,
        /// What stood in the way last.
        reason: Option<String>,
    },
    /// It is with the dispatcher.
    Emitted {
        /// When it was emitted or last asked about.
        asked: Timestamp,
        /// Why it is being taken back, if it is.
        revoking: Option<String>,
    },
}

/// A deal as the engine knows it: also those that got no journey.
#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    /// Which deal.
    pub deal: DealRef,
    /// The key of its events.
    pub home: HomeKey,
    /// Its name in the CRM.
    pub name: String,
    /// The account's key and name; empty while unknown.
    pub account: (String, String),
    /// Where it stands.
    pub standing: Standing,
    /// The last event that had its effect.
    pub rev: i64,
    /// How often it was won.
    pub won_no: i32,
    /// Why it got no journey when it was won last.
    pub declined: Option<String>,
    /// The revs of events that wait for an earlier one.
    pub waiting: Vec<i64>,
}

/// Finds the engine's rows for a person. Each question is one short statement that finds its rows by an
/// index; nothing is looked for inside of names and keys.
///
/// Deals and enrolments are asked for by the account's key, the home key (whole or behind the slash), the
/// account's name without regard to case, the deal (whole, as its key or as the CRM's own id), and come by
/// home key and deal, [`FOUND_MAX`] and one at most. An enrolment is found through the deal that it follows and
/// the one that it began with.
pub trait Rows: Send + Sync {
    /// The enrolments that are asked for.
    fn enrolments(&self, asked: &str) -> impl Future<Output = Result<Vec<EnrolmentRow>, Error>> + Send;

    /// One enrolment.
    fn enrolment(&self, id: EnrolmentId) -> impl Future<Output = Result<Option<EnrolmentRow>, Error>> + Send;

    /// The deals that are asked for.
    fn deals(&self, asked: &str) -> impl Future<Output = Result<Vec<DealRow>, Error>> + Send;

    /// The obligations of an enrolment that are closed, in no order.
    fn closed_obligations(
        &self,
        of: EnrolmentId,
    ) -> impl Future<Output = Result<Vec<ObligationRow>, Error>> + Send;

    /// A published version.
    fn definition(
        &self,
        tenant: &Tenant,
        journey: &str,
        version: u32,
    ) -> impl Future<Output = Result<Option<Published>, Error>> + Send;
}

/// The CRM's own id in what was asked, if it is a deal's key.
fn object(asked: &str) -> &str {
    asked.rsplit(':').next().unwrap_or_default()
}

/// What was asked without its tenant, if it is a home key.
fn local(asked: &str) -> &str {
    asked.split_once('/').map_or(asked, |(_, local)| local)
}

/// The enrolments of an account (by key or name), a home key, a deal (by key or the CRM's own id) or an
/// enrolment id, [`FOUND_MAX`] and one at most, each with its whole timeline.
pub async fn enrolments(rows: &impl Rows, asked: &str) -> Result<Vec<Enrolment>, Error> {
    // What is unknown is stored as an empty text, and nobody means that.
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let asked_for = match asked.parse::<EnrolmentId>() {
        Ok(id) => rows.enrolment(id).await?.into_iter().collect(),
        Err(_) => rows.enrolments(asked).await?,
    };
    let mut found = Vec::with_capacity(asked_for.len());
    for row in asked_for {
        let closed = rows.closed_obligations(row.id).await?;
        let definition = definition_of(rows, &row).await?;
        found.push(enrolment(row, &definition, closed));
    }
    Ok(found)
}

/// The deals of an account, a home key or a deal's key or id, [`FOUND_MAX`] and one at most.
pub async fn deals(rows: &impl Rows, asked: &str) -> Result<Vec<Deal>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    Ok(rows.deals(asked).await?.into_iter().map(deal).collect())
}

/// The version of the journey that an enrolment is pinned to.
async fn definition_of(rows: &impl Rows, row: &EnrolmentRow) -> Result<Definition, Error> {
    let missing = || {
        Error::Refused(format!(
            "{}: journey {} version {} is not in the store",
            codes::JOURNEY,
            row.journey,
            row.version
        ))
    };
    let published = rows.definition(&row.home.tenant(), &row.journey, row.version).await?;
    let published = published.ok_or_else(missing)?;
    published.definition().map_err(|error| Error::Refused(format!("{}: {error}", codes::JOURNEY)))
}

fn enrolment(row: EnrolmentRow, definition: &Definition, closed: Vec<ObligationRow>) -> Enrolment {
    let zone = &definition.sending.zone;
    let (phase, phase_reason) = match &row.state.phase {
        Phase::Active => ("active", None),
        Phase::Held => ("held", None),
        Phase::Closing { reason } => ("closing", Some(reason.clone())),
        Phase::Completed => ("completed", None),
        Phase::Exited { reason } => ("exited", Some(reason.clone())),
    };
    Enrolment {
        id: row.id,
        phase,
        phase_reason,
        day_zero: row.state.day_zero,
        counted_from: definition.day_zero,
        zone: zone.clone(),
        next_due: row.armed,
        details_removed: row.details_removed,
        obligations: obligations(row.id, &row.state, zone, closed),
        home: row.home,
        deal: row.deal,
        journey: (row.journey, row.version),
        account: (row.account, row.account_name),
    }
}

/// Those that are open, which are in the state, and those that are closed, which have rows. The state was read
/// first: what was closed in between is in both, and closed.
fn obligations(id: EnrolmentId, state: &State, zone: &Zone, closed: Vec<ObligationRow>) -> Vec<Obligation> {
    let told = |moment: &str, occurrence, planned, deadline, stands| Obligation {
        touchpoint: identity::touchpoint(id, moment, occurrence),
        moment: moment.to_owned(),
        occurrence,
        day: day_of(state.day_zero, zone.date_of(planned)),
        planned,
        deadline,
        stands,
    };
    let going_on = state.promises.iter().filter_map(|of| {
        let stands = open(of)?;
        Some(told(&of.moment, of.occurrence, of.planned, of.deadline, stands))
    });
    let ended = closed.into_iter().map(|of| {
        let stands = Stands::Closed(of.closed);
        told(&of.moment, of.occurrence, of.planned, of.deadline, stands)
    });
    let each: BTreeMap<_, _> = going_on.chain(ended).map(|of| (of.touchpoint, of)).collect();
    let mut all: Vec<_> = each.into_values().collect();
    all.sort_by(|a, b| (a.planned, &a.moment, a.occurrence).cmp(&(b.planned, &b.moment, b.occurrence)));
    all
}

fn open(promise: &Promise) -> Option<Stands> {
    match &promise.status {
        Status::Waiting { due, reason } => Some(Stands::Waiting { due: *due, reason: reason.clone() }),
        Status::Emitted { asked, revoking, .. } => {
            Some(Stands::Emitted { asked: *asked, revoking: revoking.clone() })
        }
        Status::Recalled | Status::Delivered | Status::Spent | Status::Undelivered => None,
    }
}

fn deal(row: DealRow) -> Deal {
    Deal {
        waiting: row.waiting.events().map(|event| event.rev).collect(),
        name: row.snapshot.name,
        account: (row.snapshot.account, row.snapshot.account_name),
        deal: row.deal,
        home: row.home,
        standing: row.standing,
        rev: row.rev,
        won_no: row.won_no,
        declined: row.declined,
    }
}

#[cfg(test)]
mod tests;
