//! The database of customers that timers and lateness start from: made once, copied for each.

use std::sync::Arc;

use afterglow_domain::clock::ManualClock;
use afterglow_durable::postgres;
use afterglow_journey_engine::publish;
use afterglow_journey_engine::store::postgres::SCHEMA;
use anyhow::ensure;
use sqlx::{Connection as _, PgConnection};

use super::ground::Servers;
use super::scale::Scale;
use super::timers;
use crate::customers::{START, engine, enrol, journey, tenant};
use crate::figure::Figure;

/// Customers in batches, nothing fired yet, nobody connected.
pub(crate) struct Customers {
    /// The database.
    pub(crate) url: String,
    /// Enrolments written per second by the engine from deal events, by one transaction after the other.
    pub(crate) enrolled: Figure,
}

/// Enrols what the timers need.
pub(crate) async fn make(scale: &Scale, servers: &Servers) -> anyhow::Result<Customers> {
    let url = servers.database(&SCHEMA).await?;
    let store = postgres::Store::open(&url.parse()?, &SCHEMA).await?;
    let engine = engine(Arc::new(ManualClock::new(START)));
    let (batches, mut enrolled) = (timers::batches(scale), Figure::default());
    enrol(&store, &engine, (batches, scale.timers), &mut enrolled).await?;
    let stream = timers::STREAM;
    publish::publish(&store, &tenant(stream)?, vec![journey(stream)?], START).await?;
    let count = batches * scale.timers;
    store.close().await;
    let mut connection = PgConnection::connect(&url).await?;
    let armed = sqlx::query_scalar("select count(*) from engine.timer");
    let armed: i64 = armed.fetch_one(&mut connection).await?;
    ensure!(usize::try_from(armed) == Ok(count), "{count} customers have {armed} timers");
    // The events of enrolling are not measured.
    sqlx::raw_sql("truncate engine.outbox").execute(&mut connection).await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut connection).await?;
    connection.close().await?;
    Ok(Customers { url, enrolled })
}
