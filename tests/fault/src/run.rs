//! Does the harm: wins deals, kills the product, and writes down what was accepted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex as Plain, PoisonError};
use std::time::Duration;

use afterglow_domain::Timestamp;
use afterglow_sandbox::crm::Deal;
use afterglow_sandbox::gifts::Faults;
use afterglow_support::{Dice, Product, World, customers, key_of};
use futures::future::{join, join_all};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::name::Name;
use crate::plan::Plan;

/// CRMs that send at the same time: a kill hits requests that are under way, too.
const SENDERS: u64 = 4;
/// A kill that follows an answer comes within this time.
const AFTER_ANSWER_MS: u64 = 30;
/// The longest pause between two kills at random moments: long enough for a day's moments to go out.
const PAUSE_MS: u64 = 6_000;

/// What a run leaves behind.
pub struct Outcome {
    /// Deals whose webhook was answered with success.
    pub accepted: BTreeSet<Name>,
    /// How often the product was killed.
    pub kills: u64,
    /// The product as it runs after the last kill.
    pub product: Product,
}

/// Wins all deals and spends all kills.
pub async fn run(world: &World, plan: &Plan) -> Outcome {
    world.sandbox.gifts.set_faults(Faults {
        seed: plan.seed,
        lose_percent: plan.lose_percent,
        ..Faults::default()
    });
    let mut dice = Dice::new(plan.seed);
    let after_answers = usize::try_from(plan.kills_after_answers()).unwrap();
    let field = Field {
        world,
        fatal: dice.choose(after_answers, plan.deals),
        dice: Plain::new(dice),
        product: Mutex::new(Some(world.launch(None))),
        kills: AtomicU64::new(0),
        next: AtomicU64::new(0),
        book: Book::open(world),
    };
    let senders = join_all((0..SENDERS).map(|_| field.send(plan.deals)));
    join(senders, field.kill_at_random(plan.kills_at_random())).await;
    let product = field.product.into_inner().expect("the product runs after every kill");
    Outcome { accepted: field.book.into_accepted(), kills: field.kills.into_inner(), product }
}

struct Field<'w> {
    world: &'w World,
    /// The deals after whose answer the product dies.
    fatal: BTreeSet<u64>,
    dice: Plain<Dice>,
    product: Mutex<Option<Product>>,
    kills: AtomicU64,
    next: AtomicU64,
    book: Book,
}

impl Field<'_> {
    fn below(&self, end: u64) -> u64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }

    /// One sender: takes the next deal until there is none.
    async fn send(&self, deals: u64) {
        loop {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            if n >= deals {
                return;
            }
            let deal = customer(n, self.world.now());
            let key = key_of(&deal).to_string();
            self.world.win(deal).await;
            let answered = Instant::now();
            self.book.note(&key);
            if self.fatal.contains(&n) {
                let wait = Duration::from_millis(self.below(AFTER_ANSWER_MS));
                tokio::time::sleep_until(answered + wait).await;
                self.kill().await;
            }
        }
    }

    async fn kill_at_random(&self, kills: u64) {
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(self.below(PAUSE_MS))).await;
            self.kill().await;
        }
    }

    /// SIGKILL and a new start; nobody waits until it is ready, so the next kill may hit the start.
    async fn kill(&self) {
        let mut product = self.product.lock().await;
        if let Some(running) = product.take() {
            running.kill().await;
        }
        *product = Some(self.world.launch(None));
        self.kills.fetch_add(1, Ordering::SeqCst);
    }
}

/// Customer `n`: both CRMs in turn.
pub(crate) fn customer(n: u64, closed_at: Timestamp) -> Deal {
    if n.is_multiple_of(2) { customers::hubspot(n, closed_at) } else { customers::salesforce(n, closed_at) }
}

/// The driver's own record of what was accepted, on the disk before the next step.
struct Book {
    file: Plain<File>,
    accepted: Plain<BTreeSet<Name>>,
}

impl Book {
    fn open(world: &World) -> Self {
        let file = File::create(world.file("accepted.txt")).unwrap();
        Self { file: Plain::new(file), accepted: Plain::new(BTreeSet::new()) }
    }

    fn note(&self, deal: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{deal}").unwrap();
        file.sync_data().unwrap();
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(deal.into());
    }

    fn into_accepted(self) -> BTreeSet<Name> {
        self.accepted.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
