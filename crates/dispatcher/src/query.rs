//! Read-only questions for `explain`, `attempts list` and screens. Never a gift's link, never an
//! address; the recipient's name only as [`Sensitive`]. Either store answers them: see [`Rows`].

mod postgres;
mod sqlite;

use std::future::Future;

use afterglow_domain::{AttemptId, HomeKey, Money, Sensitive, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_events::convert;

use crate::attempt::AttemptState;
use crate::ledger::{Budget, Suppression};
use crate::touchpoint::{Check, Conclusion, Reservation, Status, Step, Touchpoint, Wait};

/// Everything that is known of a touchpoint's delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Which touchpoint.
    pub touchpoint: TouchpointId,
    /// Its home key.
    pub home: HomeKey,
    /// The enrolment, as text.
    pub enrolment: String,
    /// The moment's id; empty for a tombstone.
    pub moment: String,
    /// Which occurrence.
    pub occurrence: i32,
    /// Where it stands.
    pub status: Status,
    /// The step that is next, under way or was last.
    pub step: Step,
    /// When it was first heard of.
    pub received_at: Timestamp,
    /// Not to be delivered after this.
    pub deadline: Option<Timestamp>,
    /// When it is looked at again.
    pub next_look_at: Option<Timestamp>,
    /// What it waits for.
    pub waits_for: Option<Wait>,
    /// The name of the person whom it is for; empty where there is none.
    pub recipient: Sensitive<String>,
    /// The latest result of every check, in their order.
    pub checks: Vec<Check>,
    /// Why it was revoked.
    pub revoked: Option<String>,
    /// Why the mail went without its gift.
    pub without_gift: Option<String>,
    /// What the gift is worth.
    pub worth: Option<Money>,
    /// The money set aside or spent.
    pub reservation: Option<Reservation>,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// When its details were removed because of their age.
    pub details_removed: Option<Timestamp>,
    /// Its calls, in order.
    pub attempts: Vec<AttemptView>,
}

/// An attempt without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptView {
    /// Its id, for `attempts resolve`.
    pub id: AttemptId,
    /// For which touchpoint.
    pub touchpoint: TouchpointId,
    /// Which ledger step.
    pub step: Step,
    /// Counts the touchpoint's attempts, from 1.
    pub n: u32,
    /// What is known of it.
    pub state: AttemptState,
    /// Which vendor.
    pub vendor: String,
    /// The vendor's id of what it accepted.
    pub vendor_id: String,
    /// When the call began.
    pub started_at: Timestamp,
    /// When its end became known.
    pub ended_at: Option<Timestamp>,
    /// Why it did not work.
    pub reason: String,
}

/// Whose deliveries are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those of a home key.
    Home(&'a HomeKey),
    /// Those of an enrolment, by its id as text.
    Enrolment(&'a str),
}

/// Touchpoints and their attempts.
pub type Told = (Vec<Touchpoint>, Vec<AttemptView>);

/// Finds the dispatcher's rows for a person; each question finds them by an index.
pub trait Rows: Send + Sync {
    /// Touchpoints, oldest first, and their attempts in order, both of one moment: so a delivery and its
    /// attempts agree.
    fn touchpoints(&self, whose: Whose<'_>) -> impl Future<Output = Result<Told, Error>> + Send;

    /// The attempts that wait for a person, oldest first, at most `max`.
    fn for_a_person(&self, max: u32) -> impl Future<Output = Result<Vec<AttemptView>, Error>> + Send;

    /// The budgets of an account, newest year first.
    fn budgets(
        &self,
        tenant: &Tenant,
        account: &str,
    ) -> impl Future<Output = Result<Vec<Budget>, Error>> + Send;

    /// Since when and why an address gets no mail; the caller computes the HMAC.
    fn suppressed(
        &self,
        tenant: &Tenant,
        address_hmac: &[u8; 32],
    ) -> impl Future<Output = Result<Option<Suppression>, Error>> + Send;
}

/// The deliveries of a home key or an enrolment, oldest first.
pub async fn deliveries(rows: &impl Rows, whose: Whose<'_>) -> Result<Vec<Delivery>, Error> {
    let (touchpoints, attempts) = rows.touchpoints(whose).await?;
    Ok(touchpoints.into_iter().map(|touchpoint| delivery(touchpoint, &attempts)).collect())
}

fn delivery(row: Touchpoint, attempts: &[AttemptView]) -> Delivery {
    let of_it = attempts.iter().filter(|attempt| attempt.touchpoint == row.id);
    Delivery {
        touchpoint: row.id,
        enrolment: row.due.enrolment_id.clone(),
        moment: row.due.moment.clone(),
        occurrence: row.due.occurrence,
        status: row.status,
        step: row.state.step,
        received_at: row.received_at,
        deadline: convert::from_timestamp(row.due.deadline_at.as_ref()),
        next_look_at: row.armed,
        worth: row.worth(),
        recipient: name_of(&row),
        home: row.home,
        waits_for: row.state.waits_for,
        checks: row.state.checks,
        revoked: row.state.revoked,
        without_gift: row.state.without_gift,
        reservation: row.state.reservation,
        conclusion: row.state.conclusion,
        details_removed: row.state.details_removed,
        attempts: of_it.cloned().collect(),
    }
}

fn name_of(row: &Touchpoint) -> Sensitive<String> {
    let name = row.due.recipient.as_ref().map(|person| format!("{} {}", person.first_name, person.last_name));
    Sensitive::new(name.unwrap_or_default().trim().to_owned())
}
