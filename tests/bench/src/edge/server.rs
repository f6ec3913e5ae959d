//! The two servers: the real edge over the durable log, and a handler that does nothing.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use afterglow_crm::Secrets;
use afterglow_crm::hubspot::signature::Verifier;
use afterglow_domain::{Clocks, ConnectionId, Tenant};
use afterglow_eventlog::{EmbeddedLog, Options};
use afterglow_ingest::edge::{self, EdgeConnection, EdgeKind, EdgeOptions};
use afterglow_service::clock::SystemClock;
use afterglow_service::health::Metrics;
use afterglow_service::http::{self, Limits};
use afterglow_service::lifecycle::Shutdown;
use axum::Router;
use axum::routing::post;
use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::webhook::{CONNECTION, PATH, PORTAL, PUBLIC_URL, SECRET};

/// The log's file in the server's folder.
pub(crate) const LOG_FILE: &str = "log.db";

/// Serves the edge until standard input ends; then closes the log.
pub(crate) async fn serve_edge(folder: &Path) -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    // The configuration's defaults.
    let options = Options { partitions: 16, retention: Duration::from_hours(30 * 24), clock: clock.clone() };
    let log = EmbeddedLog::open(folder.join(LOG_FILE), options).await?;
    let secrets = Secrets::new(SecretString::from(SECRET), None)?;
    let connection = EdgeConnection {
        id: ConnectionId::new(CONNECTION)?,
        tenant: Tenant::new("acme")?,
        public_url: PUBLIC_URL.to_owned(),
        kind: EdgeKind::Hubspot { portal: PORTAL, verifier: Verifier { secrets, allow_v1: false } },
    };
    let key = SecretString::from("unsubscribe-key-of-the-bench-0001");
    let options = EdgeOptions::new(vec![connection], vec![key]);
    serve(edge::router(options, log.clone(), Clocks::same(clock))).await?;
    log.close().await;
    Ok(())
}

/// Serves an empty handler on the edge's path until standard input ends.
pub(crate) async fn serve_empty() -> anyhow::Result<()> {
    serve(Router::new().route(PATH, post(|| async {}))).await
}

/// Both behind the product's server, its limits and its metrics recorder.
async fn serve(router: Router) -> anyhow::Result<()> {
    let _recorder = Metrics::install(env!("CARGO_PKG_VERSION"))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout().lock(), "{}", listener.local_addr()?.port())?;
    let shutdown = Shutdown::new();
    let drained = shutdown.clone();
    let until_told = async move {
        let mut nothing = Vec::new();
        let ended = tokio::io::stdin().read_to_end(&mut nothing).await;
        drained.drain();
        ended
    };
    let (served, ended) =
        tokio::join!(http::serve(listener, router, Limits::default(), shutdown), until_told);
    // Serving has no error; the type says so.
    let Ok(()) = served;
    ended?;
    Ok(())
}
