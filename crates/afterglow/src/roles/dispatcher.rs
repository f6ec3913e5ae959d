//! Starts the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use afterglow_dispatcher::{Dispatcher, Options, ROLE, SignalsLag, SignalsMark, TOPICS, forget};
use afterglow_durable::turns::consume;
use afterglow_durable::{Store, janitor};
use afterglow_providers::{GiftVendor, Tremendous};
use afterglow_service::config::Config;
use anyhow::Context as _;

use super::watched::Watched;
use super::{Parts, ended, vendors};
use crate::ground::{self, Ground, Opens};

/// How long a gift can be taken after its mail, in days: what mails may say where the vendor says nothing.
const GIFT_VALID_DAYS: u32 = 90;

/// How often the record of a vendor's answer is tried before recovery takes over: a few seconds.
const SETTLE_TRIES: u32 = 5;

/// How often it is asked how far signals are read: two rounds must fit well into the minute that knowledge may be
/// old.
const SIGNALS_ROUND: Duration = Duration::from_secs(5);

/// The same while mails wait for it.
const SIGNALS_ROUND_AWAITED: Duration = Duration::from_secs(1);

/// Opens the store and makes the vendors' clients, the gift vendor's as `wrap` makes it; what it gives spawns
/// the loops.
pub(crate) async fn prepare<G: Ground, V: GiftVendor + 'static, W: FnOnce(Tremendous) -> V>(
    parts: &Parts<G>,
    wrap: W,
) -> anyhow::Result<impl FnOnce(&Parts<G>) + use<G, V, W>> {
    let clocks = parts.clocks.clone();
    let store = parts.ground.store(&ground::DISPATCHER).await?;
    let limiter = |name, rate| parts.ground.limiter(name, rate, &store);
    let gifts = vendors::gifts(&parts.config.vendors, limiter)?.map(wrap);
    let called = (gifts, vendors::mailer(&parts.config.vendors, limiter)?);
    let lag = SignalsLag::default();
    let options = options(&parts.config)?;
    let dispatcher = Arc::new(Dispatcher::new(store.clone(), called, options, clocks.clone(), lag.clone()));
    let consumer = parts.ground.consumer(ROLE, &TOPICS, &store)?;

    Ok(move |parts: &Parts<G>| {
        parts.relay(ROLE, &store);
        parts.forget(parts.details_of(ROLE), &store, |store, now, before| async move {
            forget(&store, now, before, janitor::DETAILS_MAX).await
        });
        let mark = SignalsMark::new(store.clone(), lag, parts.clocks.wall.clone());
        parts.tasks.spawn_background("dispatcher-signals", keep_mark(mark, parts.ground.reader()));
        let (stop, named) = (parts.tasks.shutdown().soft_token(), parts.ground.named());
        let handler = Watched::new(dispatcher.clone(), parts, "dispatcher-records");
        let until = stop.clone();
        parts.tasks.spawn("dispatcher-records", async move {
            ended(consume(&handler, &store, consumer, &until).await, &named)
        });
        parts.tasks.spawn("dispatcher-calls", async move {
            dispatcher.run_claims(stop).await;
            anyhow::Ok(())
        });
    })
}

/// Goes on for ever. What fails is tried again: the mark grows old meanwhile, which is said where mails wait.
async fn keep_mark<S: Store>(mut mark: SignalsMark<S>, log: impl Opens) -> anyhow::Result<()> {
    loop {
        let known = match log.open().await {
            Ok(log) => mark.round(&log).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = &known {
            tracing::debug!(problem, "how far signals are read is not known");
        }
        tokio::time::sleep(if known == Ok(true) { SIGNALS_ROUND } else { SIGNALS_ROUND_AWAITED }).await;
    }
}

/// The dispatcher's settings of a configuration.
pub(crate) fn options(config: &Config) -> anyhow::Result<Options> {
    let smtp = config.vendors.smtp.as_ref();
    let gifts = config.vendors.tremendous.as_ref();
    Ok(Options {
        encoding: super::encoding(config),
        public_url: config.http.public_url.as_str().to_owned(),
        unsubscribe_key: config.unsubscribe.secrets.first().context("[unsubscribe] has a key")?.clone(),
        suppression_key: config.dispatch.suppression_key.clone(),
        from_address: smtp.map(|smtp| smtp.from_address.clone()).unwrap_or_default(),
        from_name: smtp.map(|smtp| smtp.from_name.expose().clone()).unwrap_or_default(),
        budget_cap: config.dispatch.budget_per_account_per_year,
        products: gifts.map(|gifts| gifts.products.clone()).unwrap_or_default(),
        gift_valid_days: GIFT_VALID_DAYS,
        concurrency: config.dispatch.concurrency,
        settle_tries: SETTLE_TRIES,
    })
}
