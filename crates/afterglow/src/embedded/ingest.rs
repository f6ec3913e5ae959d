//! Starts the edge and the resolver.

use std::time::Duration;

use afterglow_durable::turns::consume;
use afterglow_durable::{StoredCursors, sqlite};
use afterglow_events::{Encoding, Topic};
use afterglow_ingest::edge::{EdgeOptions, router};
use afterglow_ingest::resolver::hints::Hints;
use afterglow_ingest::resolver::{Options, Resolver};
use afterglow_ingest::{ROLE, store};
use axum::Router;

use super::watched::Watched;
use super::{Parts, Wiring, ended, source};

/// How long a read is waited for before another may be made: twice what a read may take. A process that is
/// killed and started again waits so long for the reads it had begun.
const CLAIM: Duration = Duration::from_secs(20);

/// Opens the store and makes the CRMs' clients; what it gives spawns the resolver's loops and gives the
/// edge's routes.
pub(super) async fn prepare<W: Wiring>(
    parts: &Parts<'_>,
    wiring: &W,
) -> anyhow::Result<impl FnOnce(&Parts<'_>) -> Router + use<W>> {
    let (config, clocks) = (parts.config, parts.clocks.clone());
    let store = parts.store("ingest.db", store::MIGRATIONS).await?;
    let read = |connection| source::reader(connection, config.vendors.system_proxy);
    let connections = config.connections.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let options = Options {
        claim: CLAIM,
        settle: config.resolver.settle,
        rereads: config.resolver.reread_seconds.iter().copied().map(Duration::from_secs).collect(),
        // Spreads the retries of processes that start together.
        seed: clocks.wall.now().0.unsigned_abs(),
        ..Options::default()
    };
    let resolver = Resolver::new(options, clocks.clone(), connections);
    let edges = config.connections.iter().map(source::edge).collect::<anyhow::Result<Vec<_>>>()?;
    let options = EdgeOptions::new(edges, config.unsubscribe.secrets.clone());
    let edge = router(options, wiring.edge_log(parts.log.clone()), clocks.clone());
    Ok(move |parts: &Parts<'_>| {
        parts.relay(ROLE, &store);

        let stop = parts.tasks.shutdown().soft_token();
        let consumer = parts.log.consumer(ROLE, &[Topic::Webhooks], StoredCursors(store.clone()));
        let hints = Hints::<sqlite::Tx>::new(clocks.clone(), Encoding::Protobuf);
        let hints = Watched::new(hints, &parts.health, "resolver-hints");
        let (hinted, until) = (store.clone(), stop.clone());
        parts
            .tasks
            .spawn("resolver-hints", async move { ended(consume(&hints, &hinted, consumer, &until).await) });
        parts.tasks.spawn("resolver-reads", async move {
            resolver.run_fetcher(&store, &stop).await;
            anyhow::Ok(())
        });
        edge
    })
}
