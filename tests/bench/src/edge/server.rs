//! The servers: the real edge over each durable log, and an axum handler that does nothing.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use afterglow_crm::Secrets;
use afterglow_crm::hubspot::signature::Verifier;
use afterglow_domain::{Clocks, ConnectionId, Tenant};
use afterglow_eventlog::{EmbeddedLog, Options};
use afterglow_events::Append;
use afterglow_ingest::edge::{self, EdgeConnection, EdgeKind, EdgeOptions};
use afterglow_service::clock::SystemClock;
use afterglow_service::health::Metrics;
use afterglow_service::http::{self, Limits};
use afterglow_service::lifecycle::Shutdown;
use axum::Router;
use axum::routing::post;
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::webhook::{CONNECTION, PATH, PORTAL, PUBLIC_URL, SECRET};
use crate::scaled::ground::Place;

/// The log's file in the server's folder.
pub(crate) const LOG_FILE: &str = "log.db";

/// Serves the edge into the embedded log until standard input ends; then closes the log.
pub(crate) async fn serve_edge(folder: &Path) -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    // The configuration's defaults.
    let options = Options { partitions: 16, retention: Duration::from_hours(30 * 24), clock };
    let log = EmbeddedLog::open(folder.join(LOG_FILE), options).await?;
    serve(|| edge_into(log.clone())).await?;
    log.close().await;
    Ok(())
}

/// Serves the edge into Kafka until standard input ends; then flushes the log.
pub(crate) async fn serve_edge_kafka(place: &Place) -> anyhow::Result<()> {
    let log = place.log()?;
    serve(|| edge_into(log.clone())).await?;
    Ok(log.close().await?)
}

/// The product's routes with one connection; what they take goes to `log`.
fn edge_into<L: Append + Clone>(log: L) -> anyhow::Result<Router> {
    let connection = EdgeConnection {
        id: ConnectionId::new(CONNECTION)?,
        tenant: Tenant::new("acme")?,
        public_url: PUBLIC_URL.to_owned(),
        kind: EdgeKind::Hubspot { portal: PORTAL, verifier: verifier()? },
    };
    let key = SecretString::from("unsubscribe-key-of-the-bench-0001");
    let options = EdgeOptions::new(vec![connection], vec![key]);
    Ok(edge::router(options, log, Clocks::same(SystemClock::shared())))
}

/// Who tells whether a webhook is authentic.
pub(crate) fn verifier() -> anyhow::Result<Verifier> {
    Ok(Verifier { secrets: Secrets::new(SecretString::from(SECRET), None)?, allow_v1: false })
}

/// Serves an empty handler on the edge's path until standard input ends.
pub(crate) async fn serve_empty() -> anyhow::Result<()> {
    serve_plain(Router::new().route(PATH, post(|| async {}))).await
}

/// Serves as axum does by itself, until standard input ends.
pub(crate) async fn serve_plain(router: Router) -> anyhow::Result<()> {
    let listener = listening().await?;
    let end = async {
        // An input that breaks has ended, too.
        let _broken = told_to_end().await;
    };
    Ok(axum::serve(listener, router).with_graceful_shutdown(end).await?)
}

/// Serves behind the product's server and its limits; the router is made when the metrics recorder is there, as in
/// the product.
async fn serve(make: impl FnOnce() -> anyhow::Result<Router>) -> anyhow::Result<()> {
    let _recorder = Metrics::install(env!("CARGO_PKG_VERSION"))?;
    let router = make()?;
    let listener = listening().await?;
    let shutdown = Shutdown::new();
    let drained = shutdown.clone();
    let until_told = async move {
        let ended = told_to_end().await;
        drained.drain();
        ended
    };
    let (served, ended) =
        tokio::join!(http::serve(listener, router, Limits::default(), shutdown), until_told);
    // Serving has no error; the type says so.
    let Ok(()) = served;
    ended
}

/// A port on loopback, told on standard output.
async fn listening() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout().lock(), "{}", listener.local_addr()?.port())?;
    Ok(listener)
}

/// Returns when standard input ends.
async fn told_to_end() -> anyhow::Result<()> {
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}
