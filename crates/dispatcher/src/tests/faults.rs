//! Every transaction dies once before and once after its COMMIT; then at random, many times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use afterglow_durable::store::{CommitFault, CommitFaults};

use super::bench::{Bench, TestStore, gift, gift_or_mail, mail, on_model, on_sqlite, revoked};
use super::customers::amended;
use super::vendors::Act;
use crate::AttemptState;

const HOUR: Duration = Duration::from_hours(1);

/// The commit of that number has that fate.
fn nth(number: usize, fault: CommitFault) -> (CommitFaults, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let decide =
        move || if seen.fetch_add(1, Ordering::SeqCst) == number { fault } else { CommitFault::None };
    (CommitFaults::new(decide), count)
}

/// A lost answer, a deal that changes its account, a gift over the cap, a mail: every kind of transaction.
async fn story<S: TestStore>(bench: &Bench<S>) {
    bench.gifts.script(&[Act::LoseAnswer, Act::Lose]);
    bench.hear(gift(1, 60)).await;
    bench.run(HOUR).await;
    bench.hear(amended(1, "hubspot:33:9002", 2)).await;
    bench.hear(gift_or_mail(2, 60)).await;
    bench.hear(mail(3)).await;
    bench.run(HOUR).await;
    bench.hear(mail(4)).await;
    bench.hear(revoked(4)).await;
    bench.run(HOUR * 48).await;
}

/// No gift and no mail twice, and none left out, not even one that is in doubt: a mail that has certainly
/// not left is sent again. Everything ended, once.
async fn assert_exact<S: TestStore>(bench: &Bench<S>, what: &str) {
    let ledgers = bench.store.ledgers().await;
    assert_eq!(ledgers.breaches(), Vec::<String>::new(), "{what}");
    let (gifts, _, most) = bench.gifts.effects();
    assert!(gifts <= 1 && most <= 1, "{what}: {gifts} gifts, {most} of one");
    let in_doubt = ledgers.attempts.iter().filter(|a| a.state == AttemptState::InDoubt).count();
    let sent = bench.mails.effects().1;
    assert_eq!(bench.mails.desk().calls.len(), sent, "{what}: no mail is called for twice");
    assert!(sent == 3 && in_doubt <= 1, "{what}: {sent} sent, {in_doubt} in doubt");
    let budgets = ledgers.budgets.iter().map(|budget| (budget.key.account.as_str(), budget.spent_minor));
    assert_eq!(budgets.collect::<Vec<_>>(), [("hubspot:33:9001", 0), ("hubspot:33:9002", 6000)], "{what}");
    let ends = bench.published().await.into_iter().filter(|event| !event.contains(' ')).count();
    assert_eq!((ledgers.touchpoints.len(), ends), (4, 4), "{what}: everything ends once");
}

#[tokio::test]
async fn every_transaction_dies_before_and_after_its_commit() {
    for fault in [CommitFault::Lost, CommitFault::Unanswered] {
        for number in 0.. {
            let (faults, count) = nth(number, fault);
            let bench = on_model(faults);
            story(&bench).await;
            assert_exact(&bench, &format!("model, commit {number} {fault:?}")).await;
            if count.load(Ordering::SeqCst) <= number {
                assert!(number > 10, "the story has more transactions than that");
                break;
            }
            let (faults, _) = nth(number, fault);
            let bench = on_sqlite(faults).await;
            story(&bench).await;
            assert_exact(&bench, &format!("sqlite, commit {number} {fault:?}")).await;
        }
    }
}

mod postgres {
    use afterglow_durable::conformance::postgres::Database;

    use super::*;
    use crate::tests::bench::in_schema;

    #[tokio::test]
    async fn every_transaction_dies_before_and_after_its_commit() {
        let database = Database::fresh().await;
        for fault in [CommitFault::Lost, CommitFault::Unanswered] {
            for number in 0.. {
                let (faults, count) = nth(number, fault);
                let bench = in_schema(&database, faults).await;
                story(&bench).await;
                assert_exact(&bench, &format!("commit {number} {fault:?}")).await;
                if count.load(Ordering::SeqCst) <= number {
                    assert!(number > 10, "the story has more transactions than that");
                    break;
                }
            }
        }
    }
}

/// xorshift: the same seed gives the same story.
fn random(state: &AtomicU64) -> u64 {
    let mut x = state.load(Ordering::SeqCst);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state.store(x, Ordering::SeqCst);
    x
}

#[tokio::test]
async fn whatever_happens_the_ledgers_hold() {
    for seed in 1..=40_u64 {
        let dice = Arc::new(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let fate = dice.clone();
        let bench = on_model(CommitFaults::new(move || match random(&fate) % 8 {
            0 => CommitFault::Lost,
            1 => CommitFault::Unanswered,
            _ => CommitFault::None,
        }));
        let acts = [Act::Accept, Act::Accept, Act::LoseAnswer, Act::Lose, Act::NoLink, Act::Pend];
        let pick = |dice: &AtomicU64| acts[usize::try_from(random(dice) % 6).unwrap()];
        for _ in 0..60 {
            let n = u128::from(random(&dice) % 8);
            match random(&dice) % 7 {
                0 => bench.hear(gift(n, 30)).await,
                1 => bench.hear(gift_or_mail(n + 10, 30)).await,
                2 => bench.hear(mail(n + 20)).await,
                3 => bench.hear(revoked(n + 10)).await,
                4 => bench.gifts.script(&[pick(&dice), pick(&dice)]),
                5 => bench.mails.script(&[pick(&dice)]),
                _ => bench.clock.advance(Duration::from_secs(random(&dice) % 400)),
            }
            bench.lag.decided_up_to(afterglow_domain::Clock::now(&bench.clock));
            let _survived = bench.dispatcher.claim_once().await;
            assert_eq!(bench.store.ledgers().await.breaches(), Vec::<String>::new(), "seed {seed}");
        }
        for (_, status) in bench.gifts.desk().gifts.values_mut() {
            *status = afterglow_providers::OrderStatus::Executed;
        }
        bench.run(HOUR * 72).await;
        let ledgers = bench.store.ledgers().await;
        assert_eq!(ledgers.breaches(), Vec::<String>::new(), "seed {seed}");
        assert!(ledgers.timers.is_empty(), "seed {seed}: everything ends");
        let (gifts, _, most) = bench.gifts.effects();
        assert!(gifts <= 3 && most <= 1, "seed {seed}: {gifts} gifts of 30 USD under a cap of 100");
        let mut mails = bench.mails.desk().calls.clone();
        mails.sort();
        mails.dedup();
        assert_eq!(mails.len(), bench.mails.desk().calls.len(), "seed {seed}: a mail was sent twice");
    }
}
