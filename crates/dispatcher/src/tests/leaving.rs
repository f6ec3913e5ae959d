//! From the claim to DATA: a mail is in doubt only if it may have left.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use afterglow_providers::Class;

use super::bench::{Bench, TestStore, mail, on_each, revoked};
use super::vendors::Act;
use crate::AttemptState::{self, Accepted, Claimed, InDoubt, InFlight, Rejected};
use crate::claim::Lanes;
use crate::job::Job;

const HOUR: Duration = Duration::from_hours(1);
const TIMEOUT: Duration = Duration::from_secs(15);

/// Hears a mail and claims it, and nothing more.
async fn claimed<S: TestStore>(bench: &Bench<S>) -> Job {
    bench.hear(mail(1)).await;
    bench.lag.decided_up_to(bench.dispatcher.clocks.wall.now());
    let (_, jobs) = bench.dispatcher.claim_due(&mut Lanes::new(9)).await.unwrap().unwrap();
    assert_eq!(states(bench).await, [Claimed]);
    jobs.into_iter().next().unwrap()
}

async fn states<S: TestStore>(bench: &Bench<S>) -> Vec<AttemptState> {
    let mut attempts = bench.store.ledgers().await.attempts;
    attempts.sort_by_key(|attempt| attempt.n);
    attempts.iter().map(|attempt| attempt.state).collect()
}

on_each! {
    async fn killed_before_the_mark_it_is_sent_again_and_arrives_once(bench) {
        drop(claimed(&bench).await);
        bench.clock.advance(Duration::from_secs(40));
        bench.now().await;
        assert_eq!(states(&bench).await, [Claimed], "its worker may still come to it");
        bench.run(HOUR).await;
        assert_eq!((bench.end(1).await.as_str(), bench.mails.effects().1), ("delivered: ", 1));
        assert_eq!(states(&bench).await, [Rejected, Accepted]);
        bench.assert_sound().await;
    }

    async fn killed_after_the_mark_it_is_in_doubt_and_never_sent_again(bench) {
        let job = claimed(&bench).await;
        bench.clock.advance(Duration::from_secs(40));
        bench.dispatcher.leave(&job, TIMEOUT).await.unwrap();
        drop(job);
        bench.clock.advance(Duration::from_secs(40));
        bench.now().await;
        assert_eq!(states(&bench).await, [InFlight], "the time to look counts from the mark");
        bench.run(HOUR * 48).await;
        assert!(bench.end(1).await.starts_with("failed: in doubt, not sent again"), "{}", bench.end(1).await);
        assert_eq!((states(&bench).await, bench.mails.desk().calls.len()), (vec![InDoubt], 0));
        bench.assert_sound().await;
    }

    /// The worker stands still between claim and mark, others send the mail, and it wakes up.
    async fn a_worker_that_wakes_late_sends_nothing(bench) {
        let job = claimed(&bench).await;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "delivered: ");
        bench.dispatcher.perform(job).await;
        bench.run(HOUR).await;
        assert_eq!((bench.mails.effects().1, bench.mails.desk().held), (1, 1));
        assert_eq!(states(&bench).await, [Rejected, Accepted]);
        bench.assert_sound().await;
    }

    /// It wakes up while the other's mail is on its way: neither its mark nor its answer touch that one.
    async fn a_late_worker_does_not_disturb_the_one_that_took_over(bench) {
        let late = claimed(&bench).await;
        bench.clock.advance(Duration::from_mins(1));
        bench.now().await;
        bench.clock.advance(Duration::from_secs(10));
        bench.lag.decided_up_to(bench.dispatcher.clocks.wall.now());
        let (_, jobs) = bench.dispatcher.claim_due(&mut Lanes::new(9)).await.unwrap().unwrap();
        bench.dispatcher.perform(late).await;
        assert_eq!((states(&bench).await, bench.mails.desk().held), (vec![Rejected, Claimed], 1));
        for job in jobs {
            bench.dispatcher.perform(job).await;
        }
        assert_eq!((bench.end(1).await.as_str(), bench.mails.effects().1), ("delivered: ", 1));
        bench.assert_sound().await;
    }

    async fn what_ends_before_the_mark_is_never_in_doubt(bench) {
        bench.mails.script(&[Act::LoseBefore, Act::RejectBefore(Class::Retry { after: None })]);
        bench.hear(mail(1)).await;
        bench.run(HOUR).await;
        assert_eq!((bench.end(1).await.as_str(), bench.mails.effects().1), ("delivered: ", 1));
        assert_eq!(states(&bench).await, [Rejected, Rejected, Accepted]);
        bench.assert_sound().await;
    }

    async fn one_that_was_only_claimed_can_still_be_revoked(bench) {
        drop(claimed(&bench).await);
        bench.hear(revoked(1)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "revoked: the deal is open again");
        assert_eq!((states(&bench).await, bench.mails.desk().calls.len()), (vec![Rejected], 0));
        bench.assert_sound().await;
    }

    /// An outage of days must not fill the file with copies of the same mail.
    async fn only_the_newest_attempt_keeps_the_bytes(bench) {
        bench.mails.script(&[Act::Reject(Class::Retry { after: None }); 5]);
        bench.hear(mail(1)).await;
        bench.run(HOUR).await;
        let mut attempts = bench.store.ledgers().await.attempts;
        attempts.sort_by_key(|attempt| attempt.n);
        let kept: Vec<_> = attempts.iter().map(|attempt| !attempt.request.expose().is_empty()).collect();
        assert_eq!(kept, [false, false, false, false, false, true]);
        let calls = bench.mails.desk().calls.clone();
        assert!(calls.len() == 6 && calls.iter().all(|call| call == attempts[5].request.expose()));
    }
}
