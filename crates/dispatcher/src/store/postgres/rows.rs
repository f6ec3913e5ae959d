//! Rows as PostgreSQL gives them.

use afterglow_domain::{AttemptId, Currency, HomeKey, Sensitive, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_durable::postgres::text;
use afterglow_events::proto;
use afterglow_providers::Envelope;
use prost::Message;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::attempt::{Attempt, AttemptState};
use crate::ledger::{Budget, BudgetKey, DealLedger, Suppression};
use crate::store::blobs::{broken, ledger, state};
use crate::touchpoint::{Status, Step, Touchpoint};

pub(crate) fn touchpoint(row: &PgRow) -> Result<Touchpoint, Error> {
    let due = proto::TouchpointDue::decode(row.try_get::<&[u8], _>("due")?)
        .map_err(|_| broken("touchpoint.due"))?;
    Ok(Touchpoint {
        id: TouchpointId(row.try_get("id")?),
        home: HomeKey::new(row.try_get::<&str, _>("home")?).map_err(|_| broken("touchpoint.home"))?,
        status: Status::parse(row.try_get("status")?).ok_or_else(|| broken("touchpoint.status"))?,
        armed: row.try_get::<Option<i64>, _>("armed_at")?.map(Timestamp),
        received_at: Timestamp(row.try_get("received_at")?),
        due: Box::new(due),
        state: state(row.try_get("state_version")?, row.try_get("state")?)?,
    })
}

pub(crate) fn attempt(row: &PgRow) -> Result<Attempt, Error> {
    let address = |column| Ok::<_, Error>(row.try_get::<Option<String>, _>(column)?.map(text::told));
    let envelope = address("mail_from")?.zip(address("mail_to")?);
    let n: i64 = row.try_get("n")?;
    Ok(Attempt {
        id: AttemptId(row.try_get("id")?),
        touchpoint: TouchpointId(row.try_get("touchpoint")?),
        step: Step::parse(row.try_get("step")?).ok_or_else(|| broken("attempt.step"))?,
        n: u32::try_from(n).map_err(|_| broken("attempt.n"))?,
        state: AttemptState::parse(row.try_get("state")?).ok_or_else(|| broken("attempt.state"))?,
        vendor: row.try_get("vendor")?,
        request: Sensitive::new(row.try_get("request")?),
        envelope: envelope.map(|(from, to)| Envelope { from: from.into(), to: to.into() }),
        started_at: Timestamp(row.try_get("started_at")?),
        recover_after: Timestamp(row.try_get("recover_after")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        vendor_id: text::told(row.try_get("vendor_id")?),
        reason: text::told(row.try_get("reason")?),
    })
}

pub(crate) fn budget(row: &PgRow) -> Result<Budget, Error> {
    let key = BudgetKey {
        tenant: Tenant::new(row.try_get::<&str, _>("tenant")?).map_err(|_| broken("budget.tenant"))?,
        account: text::told(row.try_get("account")?),
        year: row.try_get("year")?,
        currency: Currency::new(row.try_get("currency")?).map_err(|_| broken("budget.currency"))?,
    };
    Ok(Budget {
        key,
        reserved_minor: row.try_get("reserved")?,
        spent_minor: row.try_get("spent")?,
        cap_minor: row.try_get("cap")?,
        joined_minor: row.try_get("joined")?,
    })
}

pub(crate) fn deal(row: &PgRow) -> Result<DealLedger, Error> {
    ledger(row.try_get("ledger_version")?, row.try_get("ledger")?)
}

pub(crate) fn suppression(row: &PgRow) -> Result<Suppression, Error> {
    let hmac: &[u8] = row.try_get("address_hmac")?;
    Ok(Suppression {
        tenant: Tenant::new(row.try_get::<&str, _>("tenant")?).map_err(|_| broken("suppression.tenant"))?,
        address_hmac: hmac.try_into().map_err(|_| broken("suppression.address_hmac"))?,
        since: Timestamp(row.try_get("since")?),
        reason: text::told(row.try_get("reason")?),
    })
}
