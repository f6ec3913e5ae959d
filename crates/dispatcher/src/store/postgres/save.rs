//! Writes of any number of rows.

use afterglow_durable::Error;
use afterglow_durable::postgres::columns::{column, last_of_each};
use afterglow_durable::postgres::text;
use prost::Message;
use sqlx::PgConnection;

use crate::attempt::Attempt;
use crate::ledger::{Budget, DealLedger, Suppression};
use crate::store::blobs::{LEDGER_VERSION, STATE_VERSION, ledger_bytes, state_bytes};
use crate::touchpoint::Touchpoint;

/// Two home keys may be two shards, so another customer's record with the same id can be committed since the id was
/// looked for: it is not written over, unless it is but a revocation of what is not that customer's.
pub(super) async fn touchpoints(connection: &mut PgConnection, rows: &[Touchpoint]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    let states = rows.iter().map(|row| state_bytes(&row.state)).collect::<Result<Vec<_>, _>>()?;
    let done = sqlx::query(
        "insert into touchpoint (id, shard, home, tenant, enrolment, moment, status, armed_at, received_at, due,
         state_version, state, detailed_since)
         select * from unnest($1::uuid[], $2::int2[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::int8[], $9::int8[], $10::bytea[], $11::int8[], $12::bytea[],
                              $13::int8[])
         on conflict (id) do update set shard = excluded.shard, home = excluded.home, tenant = excluded.tenant,
         enrolment = excluded.enrolment, moment = excluded.moment, status = excluded.status,
         armed_at = excluded.armed_at, received_at = excluded.received_at, due = excluded.due,
         state_version = excluded.state_version, state = excluded.state,
         detailed_since = excluded.detailed_since
         where touchpoint.home = excluded.home or (touchpoint.status = 'tombstone' and excluded.status <> 'tombstone')",
    )
    .bind(column(&rows, |row| row.id.0))
    .bind(column(&rows, |row| i16::from(row.shard().number())))
    .bind(column(&rows, |row| row.home.as_str()))
    .bind(column(&rows, |row| row.home.tenant().as_str().to_owned()))
    .bind(column(&rows, |row| text::stored(&row.due.enrolment_id)))
    .bind(column(&rows, |row| text::stored(&row.due.moment)))
    .bind(column(&rows, |row| row.status.as_str()))
    .bind(column(&rows, |row| row.armed.map(|at| at.0)))
    .bind(column(&rows, |row| row.received_at.0))
    .bind(column(&rows, |row| row.due.encode_to_vec()))
    .bind(column(&rows, |_| STATE_VERSION))
    .bind(states)
    .bind(column(&rows, |row| row.detailed_since().map(|at| at.0)))
    .execute(connection)
    .await?;
    if done.rows_affected() != rows.len() as u64 {
        let reason =
            "another customer's record with a touchpoint's id came in between; once more it will be seen";
        return Err(Error::Unavailable(reason.to_owned()));
    }
    Ok(())
}

pub(super) async fn attempts(connection: &mut PgConnection, rows: &[Attempt]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.id);
    sqlx::query(
        "insert into attempt (id, touchpoint, step, n, state, vendor, request, mail_from, mail_to, started_at,
         recover_after, ended_at, vendor_id, reason)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::bytea[],
                              $8::text[], $9::text[], $10::int8[], $11::int8[], $12::int8[], $13::text[],
                              $14::text[])
         on conflict (id) do update set step = excluded.step, state = excluded.state, vendor = excluded.vendor,
         request = excluded.request, mail_from = excluded.mail_from, mail_to = excluded.mail_to,
         started_at = excluded.started_at, recover_after = excluded.recover_after, ended_at = excluded.ended_at,
         vendor_id = excluded.vendor_id, reason = excluded.reason",
    )
    .bind(column(&rows, |row| row.id.0))
    .bind(column(&rows, |row| row.touchpoint.0))
    .bind(column(&rows, |row| row.step.as_str()))
    .bind(column(&rows, |row| i64::from(row.n)))
    .bind(column(&rows, |row| row.state.as_str()))
    .bind(column(&rows, |row| row.vendor.as_str()))
    .bind(column(&rows, |row| row.request.expose().as_slice()))
    .bind(column(&rows, |row| row.envelope.as_ref().map(|envelope| text::stored(envelope.from.expose()))))
    .bind(column(&rows, |row| row.envelope.as_ref().map(|envelope| text::stored(envelope.to.expose()))))
    .bind(column(&rows, |row| row.started_at.0))
    .bind(column(&rows, |row| row.recover_after.0))
    .bind(column(&rows, |row| row.ended_at.map(|at| at.0)))
    .bind(column(&rows, |row| text::stored(&row.vendor_id)))
    .bind(column(&rows, |row| text::stored(&row.reason)))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn deals(connection: &mut PgConnection, rows: &[DealLedger]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| &row.deal);
    let ledgers = rows.iter().map(|row| ledger_bytes(row)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "insert into deal (tenant, connection, deal, ledger_version, ledger)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::bytea[])
         on conflict (tenant, connection, deal) do update set ledger_version = excluded.ledger_version,
         ledger = excluded.ledger",
    )
    .bind(column(&rows, |row| row.deal.tenant.as_str()))
    .bind(column(&rows, |row| row.deal.connection.as_str()))
    .bind(column(&rows, |row| row.deal.deal.as_str()))
    .bind(column(&rows, |_| LEDGER_VERSION))
    .bind(ledgers)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn budgets(connection: &mut PgConnection, rows: &[Budget]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| &row.key);
    sqlx::query(
        "insert into budget (tenant, account, year, currency, reserved, spent, cap, joined)
         select * from unnest($1::text[], $2::text[], $3::int2[], $4::text[], $5::int8[], $6::int8[], $7::int8[],
                              $8::int8[])
         on conflict (tenant, account, year, currency) do update set reserved = excluded.reserved,
         spent = excluded.spent, cap = excluded.cap, joined = excluded.joined",
    )
    .bind(column(&rows, |row| row.key.tenant.as_str()))
    .bind(column(&rows, |row| text::stored(&row.key.account)))
    .bind(column(&rows, |row| row.key.year))
    .bind(column(&rows, |row| row.key.currency.as_str()))
    .bind(column(&rows, |row| row.reserved_minor))
    .bind(column(&rows, |row| row.spent_minor))
    .bind(column(&rows, |row| row.cap_minor))
    .bind(column(&rows, |row| row.joined_minor))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn suppressions(connection: &mut PgConnection, rows: &[Suppression]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Suppression> = rows.iter().collect();
    sqlx::query(
        "insert into suppression (tenant, address_hmac, since, reason)
         select * from unnest($1::text[], $2::bytea[], $3::int8[], $4::text[]) on conflict do nothing",
    )
    .bind(column(&rows, |row| row.tenant.as_str()))
    .bind(column(&rows, |row| row.address_hmac.as_slice()))
    .bind(column(&rows, |row| row.since.0))
    .bind(column(&rows, |row| text::stored(&row.reason)))
    .execute(connection)
    .await?;
    Ok(())
}
