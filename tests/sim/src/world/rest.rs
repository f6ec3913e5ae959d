//! To rest: everything outside heals, what is owed is delivered, and time passes from timer to timer until
//! nothing waits any more.

use afterglow_domain::Timestamp;
use afterglow_durable::{Store, Timeline};
use afterglow_events::Topic;

use super::World;
use crate::ground::{FromTheStart, Ground};

/// How many rounds a world may need; a calm one needs some hundreds.
const ROUNDS_MAX: usize = 3000;

/// How many pages of records a replay reads at most.
const PAGES_MAX: usize = 1000;

impl<G: Ground> World<G> {
    /// Heals the world, tells the product everything, and lets it live until nothing waits.
    pub async fn come_to_rest(&mut self) {
        "at rest".clone_into(&mut self.watch.now);
        self.heal();
        self.pass().await;
        self.around.crm.remind();
        self.pass().await;
    }

    async fn pass(&mut self) {
        while let Some(webhook) = self.around.crm.waiting(0) {
            self.deliver(vec![webhook]).await;
            if self.watch.problems.len() > 100 {
                return;
            }
        }
        for _ in 0..ROUNDS_MAX {
            if self.round().await {
                continue;
            }
            match self.next_due().await {
                Some(due) => self.clock.set(due.max(self.now())),
                None => return self.look_at_tables().await,
            }
        }
        let (now, dues) = (self.now(), self.dues().await);
        self.watch.problem(format!("4: no rest within {ROUNDS_MAX} rounds; it is {now}, due are {dues:?}"));
    }

    async fn next_due(&self) -> Option<Timestamp> {
        self.dues().await.into_iter().flatten().min()
    }

    /// When each role's next timer is due.
    async fn dues(&self) -> [Option<Timestamp>; 3] {
        let dues = [
            self.ground.ingest().next_due(Timeline::Wall).await,
            self.ground.engine().next_due(Timeline::Journey).await,
            self.ground.dispatcher().next_due(Timeline::Wall).await,
        ];
        dues.map(|due| due.expect("the store is healthy"))
    }

    /// Every role reads the whole log once more, as if it had forgotten its cursors, and rests again.
    pub async fn replay(&mut self) {
        "replay".clone_into(&mut self.watch.now);
        let ingest = FromTheStart;
        let mut webhooks = self.ground.consumer(afterglow_ingest::ROLE, &[Topic::Webhooks], ingest);
        let heard = [Topic::Deals, Topic::Deliveries, Topic::Signals];
        let mut deals = self.ground.consumer(afterglow_journey_engine::ROLE, &heard, ingest);
        let mut touchpoints =
            self.ground.consumer(afterglow_dispatcher::ROLE, &afterglow_dispatcher::TOPICS, ingest);
        for _ in 0..PAGES_MAX {
            let read = [
                self.replay_page(Replayed::Webhooks(&mut webhooks)).await,
                self.replay_page(Replayed::Deals(&mut deals)).await,
                self.replay_page(Replayed::Touchpoints(&mut touchpoints)).await,
            ];
            if read.iter().all(|read| !read) {
                break;
            }
        }
        self.crash().await;
        self.pass().await;
    }

    async fn replay_page(&mut self, of: Replayed<'_, G>) -> bool {
        use afterglow_durable::turns::consume_once;
        let (roles, ground) = (&self.roles, &self.ground);
        let read = match of {
            Replayed::Webhooks(consumer) => consume_once(&roles.hints, &ground.ingest(), consumer).await,
            Replayed::Deals(consumer) => consume_once(&roles.engine, &ground.engine(), consumer).await,
            Replayed::Touchpoints(consumer) => {
                consume_once(&roles.dispatcher, &ground.dispatcher(), consumer).await
            }
        };
        read.map_or(true, |count| count > 0)
    }
}

type Fresh<G> = afterglow_eventlog::Consumer<<G as Ground>::Source, FromTheStart>;

/// Whose topics are read again.
enum Replayed<'a, G: Ground> {
    Webhooks(&'a mut Fresh<G>),
    Deals(&'a mut Fresh<G>),
    Touchpoints(&'a mut Fresh<G>),
}
