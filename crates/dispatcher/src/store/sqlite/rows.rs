//! Rows as SQLite gives them.

use afterglow_domain::{AttemptId, Currency, HomeKey, Sensitive, Tenant, Timestamp, TouchpointId};
use afterglow_durable::Error;
use afterglow_events::proto;
use afterglow_providers::Envelope;
use prost::Message;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::attempt::{Attempt, AttemptState};
use crate::ledger::{Budget, BudgetKey, DealLedger, Suppression};
use crate::store::blobs::{broken, ledger, state};
use crate::touchpoint::{Status, Step, Touchpoint};

pub(crate) const TOUCHPOINT: &str =
    "select id, home, status, armed_at, received_at, due, state_version, state from touchpoint";

pub(crate) const ATTEMPT: &str = "select id, touchpoint, step, n, state, vendor, request, mail_from, mail_to, started_at, recover_after, ended_at, vendor_id, reason from attempt";

pub(crate) const BUDGET: &str =
    "select tenant, account, year, currency, reserved, spent, cap, joined from budget";

pub(crate) const DEAL: &str = "select ledger_version, ledger from deal";

pub(crate) fn touchpoint(row: &SqliteRow) -> Result<Touchpoint, Error> {
    let due = proto::TouchpointDue::decode(row.try_get::<&[u8], _>("due")?)
        .map_err(|_| broken("touchpoint.due"))?;
    Ok(Touchpoint {
        id: TouchpointId::from_slice(row.try_get("id")?).ok_or_else(|| broken("touchpoint.id"))?,
        home: HomeKey::new(row.try_get::<&str, _>("home")?).map_err(|_| broken("touchpoint.home"))?,
        status: Status::parse(row.try_get("status")?).ok_or_else(|| broken("touchpoint.status"))?,
        armed: row.try_get::<Option<i64>, _>("armed_at")?.map(Timestamp),
        received_at: Timestamp(row.try_get("received_at")?),
        due: Box::new(due),
        state: state(row.try_get("state_version")?, row.try_get("state")?)?,
    })
}

pub(crate) fn attempt(row: &SqliteRow) -> Result<Attempt, Error> {
    let (from, to): (Option<String>, Option<String>) = (row.try_get("mail_from")?, row.try_get("mail_to")?);
    let envelope = from.zip(to).map(|(from, to)| Envelope { from: from.into(), to: to.into() });
    let touchpoint = TouchpointId::from_slice(row.try_get("touchpoint")?);
    Ok(Attempt {
        id: AttemptId::from_slice(row.try_get("id")?).ok_or_else(|| broken("attempt.id"))?,
        touchpoint: touchpoint.ok_or_else(|| broken("attempt.touchpoint"))?,
        step: Step::parse(row.try_get("step")?).ok_or_else(|| broken("attempt.step"))?,
        n: row.try_get("n")?,
        state: AttemptState::parse(row.try_get("state")?).ok_or_else(|| broken("attempt.state"))?,
        vendor: row.try_get("vendor")?,
        request: Sensitive::new(row.try_get("request")?),
        envelope,
        started_at: Timestamp(row.try_get("started_at")?),
        recover_after: Timestamp(row.try_get("recover_after")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp),
        vendor_id: row.try_get("vendor_id")?,
        reason: row.try_get("reason")?,
    })
}

pub(crate) fn budget(row: &SqliteRow) -> Result<Budget, Error> {
    let key = BudgetKey {
        tenant: Tenant::new(row.try_get::<&str, _>("tenant")?).map_err(|_| broken("budget.tenant"))?,
        account: row.try_get("account")?,
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

pub(crate) fn deal(row: &SqliteRow) -> Result<DealLedger, Error> {
    ledger(row.try_get("ledger_version")?, row.try_get("ledger")?)
}

pub(crate) fn suppression(row: &SqliteRow) -> Result<Suppression, Error> {
    let hmac: &[u8] = row.try_get("address_hmac")?;
    Ok(Suppression {
        tenant: Tenant::new(row.try_get::<&str, _>("tenant")?).map_err(|_| broken("suppression.tenant"))?,
        address_hmac: hmac.try_into().map_err(|_| broken("suppression.address_hmac"))?,
        since: Timestamp(row.try_get("since")?),
        reason: row.try_get("reason")?,
    })
}
