//! Starts the edge and the resolver.

use std::time::Duration;

use afterglow_domain::Clocks;
use afterglow_durable::Store;
use afterglow_durable::turns::consume;
use afterglow_events::{Append, Topic};
use afterglow_ingest::ROLE;
use afterglow_ingest::edge::{EdgeOptions, router};
use afterglow_ingest::resolver::hints::Hints;
use afterglow_ingest::resolver::{Options, Resolver};
use afterglow_service::config::Config;
use axum::Router;

use super::watched::Watched;
use super::{Parts, ended, source};
use crate::ground::{self, Ground};

/// How long a read is waited for before another may be made: twice what a read may take. A process that is
/// killed and started again waits so long for the reads it had begun.
const CLAIM: Duration = Duration::from_secs(20);

/// The edge's routes; what they take goes to `log`.
pub(crate) fn edge<L: Append + Clone>(config: &Config, log: L, clocks: Clocks) -> anyhow::Result<Router> {
    let edges = config.connections.iter().map(source::edge).collect::<anyhow::Result<Vec<_>>>()?;
    let encoding = super::encoding(config);
    let options = EdgeOptions { encoding, ..EdgeOptions::new(edges, config.unsubscribe.secrets.clone()) };
    Ok(router(options, log, clocks))
}

/// Opens the store and makes the CRMs' clients; what it gives spawns the resolver's loops.
pub(crate) async fn prepare<G: Ground>(parts: &Parts<G>) -> anyhow::Result<impl FnOnce(&Parts<G>) + use<G>> {
    let (config, clocks) = (&parts.config, parts.clocks.clone());
    let store = parts.ground.store(&ground::INGEST).await?;
    let limiter = |name, rate| parts.ground.limiter(name, rate, &store);
    let read = |connection| source::reader(connection, config.vendors.system_proxy, limiter);
    let connections = config.connections.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let options = Options {
        encoding: super::encoding(config),
        claim: CLAIM,
        settle: config.resolver.settle,
        rereads: config.resolver.reread_seconds.iter().copied().map(Duration::from_secs).collect(),
        // Spreads the retries of processes that start together.
        seed: clocks.wall.now().0.unsigned_abs(),
        ..Options::default()
    };
    let resolver = Resolver::new(options, clocks.clone(), connections);
    let consumer = parts.ground.consumer(ROLE, &[Topic::Webhooks], &store)?;
    Ok(move |parts: &Parts<G>| {
        parts.relay(ROLE, &store);

        let (stop, named) = (parts.tasks.shutdown().soft_token(), parts.ground.named());
        let hints = Hints::<<G::Store as Store>::Tx>::new(clocks, super::encoding(&parts.config));
        let hints = Watched::new(hints, parts, "resolver-hints");
        let (hinted, until) = (store.clone(), stop.clone());
        parts.tasks.spawn("resolver-hints", async move {
            ended(consume(&hints, &hinted, consumer, &until).await, &named)
        });
        parts.tasks.spawn("resolver-reads", async move {
            resolver.run_fetcher(&store, &stop).await;
            anyhow::Ok(())
        });
    })
}
