//! Read-only questions for `explain`, `attempts list` and screens. Never a gift's link, never an
//! address; the recipient's name only as [`Sensitive`].

use afterglow_domain::{AttemptId, HomeKey, Money, Sensitive, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_events::convert;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::attempt::AttemptState;
use crate::ledger::{Budget, Suppression};
use crate::store::sqlite::{BUDGET, TOUCHPOINT, budget, suppression, touchpoint};
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

const ATTEMPT: &str =
    "select id, touchpoint, step, n, state, vendor, vendor_id, started_at, ended_at, reason from attempt";

/// The deliveries of a home key, oldest first.
pub async fn of_home(readers: &SqlitePool, home: &HomeKey) -> Result<Vec<Delivery>, Error> {
    deliveries(readers, "home", home.as_str()).await
}

/// The deliveries of an enrolment, oldest first.
pub async fn of_enrolment(readers: &SqlitePool, enrolment: &str) -> Result<Vec<Delivery>, Error> {
    deliveries(readers, "enrolment", enrolment).await
}

/// The attempts that wait for a person, oldest first, at most `max`.
pub async fn for_a_person(readers: &SqlitePool, max: u32) -> Result<Vec<AttemptView>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(ATTEMPT);
    query.push(" where state in (");
    let mut states = query.separated(", ");
    for (_, word) in AttemptState::WORDS.iter().filter(|(state, _)| state.waits_for_a_person()) {
        states.push_bind(*word);
    }
    query.push(") order by started_at, id limit ").push_bind(max);
    query.build().fetch_all(readers).await?.iter().map(attempt).collect()
}

/// The budgets of an account, newest year first.
pub async fn budgets(readers: &SqlitePool, tenant: &Tenant, account: &str) -> Result<Vec<Budget>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(BUDGET);
    query.push(" where tenant = ").push_bind(tenant.as_str()).push(" and account = ").push_bind(account);
    query.push(" order by year desc, currency");
    query.build().fetch_all(readers).await?.iter().map(budget).collect()
}

/// Since when and why an address gets no mail; the caller computes the HMAC.
pub async fn suppressed(
    readers: &SqlitePool,
    tenant: &Tenant,
    address_hmac: &[u8; 32],
) -> Result<Option<Suppression>, Error> {
    let row = sqlx::query(
        "select tenant, address_hmac, since, reason from suppression where tenant = ? and address_hmac = ?",
    )
    .bind(tenant.as_str())
    .bind(address_hmac.as_slice())
    .fetch_optional(readers)
    .await?;
    row.as_ref().map(suppression).transpose()
}

async fn deliveries(readers: &SqlitePool, column: &'static str, value: &str) -> Result<Vec<Delivery>, Error> {
    // One snapshot for both, so that a delivery and its attempts agree.
    let mut snapshot = readers.begin().await?;
    let mut query = QueryBuilder::<Sqlite>::new(TOUCHPOINT);
    query.push(" where ").push(column).push(" = ").push_bind(value).push(" order by received_at, id");
    let rows = query.build().fetch_all(&mut *snapshot).await?;
    let mut query = QueryBuilder::<Sqlite>::new(ATTEMPT);
    query.push(" where touchpoint in (select id from touchpoint where ").push(column).push(" = ");
    query.push_bind(value).push(") order by touchpoint, n");
    let attempts = query.build().fetch_all(&mut *snapshot).await?;
    let attempts = attempts.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
    rows.iter().map(|row| Ok(delivery(touchpoint(row)?, &attempts))).collect()
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

fn attempt(row: &SqliteRow) -> Result<AttemptView, Error> {
    let broken = || Error::Refused("attempt: a column is not of its form".to_owned());
    Ok(AttemptView {
        id: AttemptId::from_slice(row.try_get("id")?).ok_or_else(broken)?,
        touchpoint: TouchpointId::from_slice(row.try_get("touchpoint")?).ok_or_else(broken)?,
        step: Step::parse(row.try_get("step")?).ok_or_else(broken)?,
        n: row.try_get("n")?,
        state: AttemptState::parse(row.try_get("state")?).ok_or_else(broken)?,
        vendor: row.try_get("vendor")?,
        vendor_id: row.try_get("vendor_id")?,
        started_at: Timestamp(row.try_get("started_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        reason: row.try_get("reason")?,
    })
}
