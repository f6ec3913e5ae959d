//! The loop that claims and calls at the same time.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, TestStore, gift, mail, on_each};
use super::vendors::Act;

/// The binary moves the loops to tasks of their own.
fn may_be_spawned(_: &impl Send) {}

on_each! {
    /// The vendor of gifts hangs on every slot it has; the mails go out nevertheless, and more of them
    /// than there are slots.
    async fn one_vendor_that_hangs_delays_no_other_channel(bench) {
        bench.gifts.script(&[Act::Hang; 100]);
        bench.lag.decided_up_to(bench.dispatcher.clocks.wall.now());
        for n in 1..=6 {
            bench.hear(gift(n, 10)).await;
        }
        for n in 11..=19 {
            bench.hear(mail(n)).await;
        }
        let stop = CancellationToken::new();
        may_be_spawned(&bench.dispatcher.run_claims(stop.clone()));
        let arrived = async {
            while bench.mails.effects().1 < 9 {
                bench.mails.0.1.notified().await;
            }
        };
        tokio::select! {
            () = bench.dispatcher.run_claims(stop) => unreachable!("it runs until it is stopped"),
            arrived = tokio::time::timeout(Duration::from_secs(30), arrived) => arrived.unwrap(),
        }
        assert_eq!(bench.gifts.desk().calls.len(), 2, "as many calls as there are slots");
    }

    async fn it_ends_when_its_calls_have_ended(bench) {
        bench.lag.decided_up_to(bench.dispatcher.clocks.wall.now());
        for n in 1..=5 {
            bench.hear(gift(n, 10)).await;
        }
        let stop = CancellationToken::new();
        let stopper = async {
            while bench.mails.effects().1 < 5 {
                bench.mails.0.1.notified().await;
            }
            stop.cancel();
        };
        let both = async { tokio::join!(bench.dispatcher.run_claims(stop.clone()), stopper) };
        tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
        for n in 1..=5 {
            assert_eq!(bench.end(n).await, "delivered: ");
        }
        bench.assert_sound().await;
    }
}
