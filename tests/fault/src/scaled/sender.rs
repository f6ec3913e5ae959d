//! CRMs: they win deals and send until they are heard.

use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::Timestamp;
use tokio::time::{Instant, sleep};

use super::book::Book;
use super::field::Field;
use super::fleet::REPLICAS;
use crate::run::customer;

/// CRMs that send at the same time: a kill hits requests that are under way, too.
pub(super) const SENDERS: usize = 4;

/// How long a CRM goes on sending before the run gives up: a hundred restarts.
const SENDING: Duration = Duration::from_mins(3);

/// How long a CRM waits before it sends again.
const AGAIN: Duration = Duration::from_millis(50);

/// The deals that are not begun, and those that nobody has answered yet.
pub(super) struct Queue {
    unanswered: Vec<(u64, Timestamp)>,
    pub(super) next: u64,
    last: Instant,
}

impl Queue {
    pub(super) fn of(book: &Book) -> Self {
        Self { unanswered: book.unanswered(), next: book.next(), last: Instant::now() }
    }
}

impl Field {
    /// One sender: takes the next deal until there is none.
    pub(super) async fn send(self: Arc<Self>) {
        while let Some((n, won_at)) = self.next().await {
            self.win(n, won_at).await;
            let answered = Instant::now();
            self.book.note_accepted(n);
            let kill = self.gate.borrow().kills.get(&n).copied();
            if let Some(kill) = kill {
                tokio::time::sleep_until(answered + kill.after).await;
                self.kill(kill.victim).await;
            }
        }
    }

    /// The next deal, when its time has come; senders wait in line for it.
    async fn next(&self) -> Option<(u64, Timestamp)> {
        let mut queue = self.queue.lock().await;
        if let Some(unanswered) = queue.unanswered.pop() {
            return Some(unanswered);
        }
        if queue.next >= self.book.plan().deals {
            return None;
        }
        let (mut gate, mut ended) = (self.gate.subscribe(), self.ended.subscribe());
        let pace = gate.wait_for(|gate| queue.next < gate.until).await.expect("the field has the gate").pace;
        let open = self.book.plan().open;
        let room = |ended: &u64| queue.next - ended.min(&queue.next) < open;
        ended.wait_for(room).await.expect("the field counts the ends");
        tokio::time::sleep_until(queue.last + pace).await;
        let (n, won_at) = (queue.next, self.world.now());
        queue.next += 1;
        queue.last = Instant::now();
        self.book.note_begun(n, won_at);
        Some((n, won_at))
    }

    /// Puts a deal into its CRM and tells the edges in turn, as through a load balancer, until one says yes: again
    /// after 503 and after no answer at all.
    async fn win(&self, n: u64, won_at: Timestamp) {
        let deal = customer(n, won_at);
        let id = deal.id.clone();
        self.world.sandbox.crm.put(deal, won_at);
        let webhook = self.world.webhook(&id);
        let deadline = Instant::now() + SENDING;
        for edge in self.fleet.edges().iter().cycle().skip(usize::try_from(n).unwrap_or(0) % REPLICAS) {
            if let Ok(answer) = self.world.post_to(*edge, &self.world.sign(&webhook)).await {
                if answer.is_success() {
                    return;
                }
                assert!(answer.status == 503, "{}: {}", answer.status, answer.body);
            }
            assert!(Instant::now() < deadline, "a webhook was not taken in {SENDING:?}");
            sleep(AGAIN).await;
        }
    }
}
