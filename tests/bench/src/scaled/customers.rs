//! The database of customers that timers and lateness start from: made once, copied for each.

use std::sync::Arc;

use afterglow_domain::clock::ManualClock;
use afterglow_durable::postgres;
use afterglow_journey_engine::publish;
use afterglow_journey_engine::store::postgres::SCHEMA;
use anyhow::ensure;

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
    let armed = "select count(*) from timer";
    let armed: i64 = sqlx::query_scalar(armed).fetch_one(store.readers()).await?;
    ensure!(usize::try_from(armed) == Ok(count), "{count} customers have {armed} timers");
    // The events of enrolling are not measured.
    sqlx::raw_sql("truncate outbox; analyze").execute(store.readers()).await?;
    store.close().await;
    Ok(Customers { url, enrolled })
}
