//! Multi-row writes.

use afterglow_durable::Error;
use afterglow_durable::sqlite::ROWS_PER_STATEMENT;
use prost::Message;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::attempt::Attempt;
use crate::ledger::{Budget, DealLedger, Suppression};
use crate::store::blobs::{LEDGER_VERSION, STATE_VERSION, ledger_bytes, state_bytes};
use crate::touchpoint::Touchpoint;

pub(super) async fn touchpoints(connection: &mut SqliteConnection, rows: &[Touchpoint]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or replace into touchpoint (id, shard, home, tenant, enrolment, moment, status, armed_at, received_at, due, state_version, state, detailed_since) ",
        );
        let states = chunk.iter().map(|row| state_bytes(&row.state)).collect::<Result<Vec<_>, _>>()?;
        query.push_values(chunk.iter().zip(states), |mut values, (row, state)| {
            values
                .push_bind(row.id.as_bytes().as_slice())
                .push_bind(i64::from(row.shard().number()))
                .push_bind(row.home.as_str())
                .push_bind(row.home.tenant().as_str().to_owned())
                .push_bind(row.due.enrolment_id.as_str())
                .push_bind(row.due.moment.as_str())
                .push_bind(row.status.as_str())
                .push_bind(row.armed.map(|at| at.0))
                .push_bind(row.received_at.0)
                .push_bind(row.due.encode_to_vec())
                .push_bind(STATE_VERSION)
                .push_bind(state)
                .push_bind(row.detailed_since().map(|at| at.0));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn attempts(connection: &mut SqliteConnection, rows: &[Attempt]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or replace into attempt (id, touchpoint, step, n, state, vendor, request, mail_from, mail_to, started_at, recover_after, ended_at, vendor_id, reason) ",
        );
        query.push_values(chunk, |mut values, row| {
            let envelope = row.envelope.as_ref();
            values
                .push_bind(row.id.as_bytes().as_slice())
                .push_bind(row.touchpoint.as_bytes().as_slice())
                .push_bind(row.step.as_str())
                .push_bind(i64::from(row.n))
                .push_bind(row.state.as_str())
                .push_bind(row.vendor.as_str())
                .push_bind(row.request.expose().as_slice())
                .push_bind(envelope.map(|envelope| envelope.from.expose().as_str()))
                .push_bind(envelope.map(|envelope| envelope.to.expose().as_str()))
                .push_bind(row.started_at.0)
                .push_bind(row.recover_after.0)
                .push_bind(row.ended_at.map(|at| at.0))
                .push_bind(row.vendor_id.as_str())
                .push_bind(row.reason.as_str());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn deals(connection: &mut SqliteConnection, rows: &[DealLedger]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or replace into deal (tenant, connection, deal, ledger_version, ledger) ",
        );
        let ledgers = chunk.iter().map(ledger_bytes).collect::<Result<Vec<_>, _>>()?;
        query.push_values(chunk.iter().zip(ledgers), |mut values, (row, ledger)| {
            values
                .push_bind(row.deal.tenant.as_str())
                .push_bind(row.deal.connection.as_str())
                .push_bind(row.deal.deal.as_str())
                .push_bind(LEDGER_VERSION)
                .push_bind(ledger);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn budgets(connection: &mut SqliteConnection, rows: &[Budget]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or replace into budget (tenant, account, year, currency, reserved, spent, cap, joined) ",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.key.tenant.as_str())
                .push_bind(row.key.account.as_str())
                .push_bind(i64::from(row.key.year))
                .push_bind(row.key.currency.as_str())
                .push_bind(row.reserved_minor)
                .push_bind(row.spent_minor)
                .push_bind(row.cap_minor)
                .push_bind(row.joined_minor);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn suppressions(
    connection: &mut SqliteConnection,
    rows: &[Suppression],
) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or ignore into suppression (tenant, address_hmac, since, reason) ",
        );
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.tenant.as_str())
                .push_bind(row.address_hmac.as_slice())
                .push_bind(row.since.0)
                .push_bind(row.reason.as_str());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
