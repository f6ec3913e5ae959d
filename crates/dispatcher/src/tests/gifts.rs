//! Gifts: two ledger steps, lost answers, doubt.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use afterglow_events::{Body, Event, proto};
use afterglow_providers::{Class, OrderStatus};

use super::bench::{Bench, TestStore, gift, mail, on_each, options, revoked, tp};
use super::vendors::{Act, LINK, usd};
use crate::{AttemptState, Resolution, Status, Step, Unresolved, resolve};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

on_each! {
    async fn a_gift_is_ordered_then_mailed(bench) {
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "delivered: ");
        assert_eq!(bench.published().await, ["order accepted", "notify accepted", "delivered"]);
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (1, 1));
        let mail = String::from_utf8(bench.mails.desk().mails[0].clone()).unwrap();
        assert!(mail.contains("Subject: gift for Jonas") && mail.contains("25 USD") && mail.contains("4 June 2026"), "{mail}");
        assert!(mail.contains("List-Unsubscribe: <https://hooks.example/u/"), "{mail}");
        assert!(mail.contains("From: \"Mia Weber at Acme\"") || mail.contains("From: Mia Weber at Acme"), "{mail}");
        assert!(mail.contains("mia@acme.example") && mail.contains(&format!("<{}.notify@acme.example>", tp(1))));
        for (_, row) in bench.store.outbox_read(100).await.unwrap() {
            let text = format!("{:?}", Event::from_record(&row.record).unwrap());
            assert!(!text.contains(LINK) && !text.contains("jonas"), "{text}");
        }
        let row = bench.row(1).await;
        assert!(row.state.checks.iter().all(|check| check.passed) && row.state.checks.len() == 7, "{:?}", row.state.checks);
        bench.assert_sound().await;
    }

    async fn a_lost_answer_is_looked_up_and_never_ordered_twice(bench) {
        bench.gifts.script(&[Act::LoseAnswer]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!(bench.published().await, ["order unknown", "order found", "notify accepted", "delivered"]);
        assert_eq!((bench.gifts.effects(), bench.gifts.desk().calls.len()), ((1, 0, 1), 1));
        bench.assert_sound().await;
    }

    async fn what_was_not_found_is_ordered_again_with_the_same_bytes(bench) {
        bench.gifts.script(&[Act::Lose]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "delivered: ");
        let calls = bench.gifts.desk().calls.clone();
        assert_eq!((calls.len(), &calls[0]), (2, &calls[1]));
        assert_eq!(bench.gifts.effects().0, 1);
    }

    async fn a_vendor_that_cannot_be_asked_is_asked_again(bench) {
        bench.gifts.script(&[Act::LoseAnswer]);
        bench.gifts.desk().lookup_down = true;
        bench.hear(gift(1, 25)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.row(1).await.status, Status::Calling);
        let budget = bench.store.ledgers().await.budgets[0].clone();
        assert_eq!((budget.reserved_minor, budget.spent_minor), (usd(25).minor, 0), "unknown stays reserved");
        bench.gifts.desk().lookup_down = false;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "delivered: ");
        assert!((3..30).contains(&bench.gifts.desk().lookups));
    }

    async fn without_a_key_a_person_decides(bench) {
        bench.gifts.desk().ask_a_person = true;
        bench.gifts.script(&[Act::Lose, Act::Lose]);
        bench.hear(gift(1, 25)).await;
        bench.hear(gift(2, 25)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.gifts.desk().calls.len(), 2, "never sent again by itself");
        let (clocks, options) = (bench.dispatcher.clocks.clone(), options());
        for (n, resolution) in [(1, Resolution::NotSent), (2, Resolution::Sent)] {
            assert_eq!(bench.row(n).await.status, Status::InDoubt);
            let id = crate::Attempt::id_of(tp(n), 1);
            resolve(&bench.store, &options, &clocks, id, resolution).await.unwrap();
            let again = resolve(&bench.store, &options, &clocks, id, resolution).await;
            assert!(matches!(again, Err(Unresolved::NotInDoubt { .. })), "{again:?}");
        }
        // The person found the second one at the vendor.
        bench.gifts.desk().gifts.insert(tp(2).to_string(), (1, OrderStatus::Executed));
        bench.run(HOUR).await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("delivered: ".into(), "delivered: ".into()));
        assert_eq!(bench.gifts.effects(), (2, 0, 1));
        bench.assert_sound().await;
        let nobody = resolve(&bench.store, &options, &clocks, crate::Attempt::id_of(tp(9), 1), Resolution::Sent).await;
        assert!(matches!(nobody, Err(Unresolved::NoSuchAttempt(_))));
    }

    async fn a_link_that_comes_later_is_waited_for(bench) {
        bench.gifts.script(&[Act::NoLink, Act::Pend]);
        bench.hear(gift(1, 25)).await;
        bench.hear(gift(2, 25)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "delivered: ");
        assert_eq!((bench.row(2).await.state.step, bench.end(2).await), (Step::Link, String::new()));
        bench.gifts.desk().gifts.get_mut(&tp(2).to_string()).unwrap().1 = OrderStatus::Executed;
        bench.run(HOUR).await;
        assert_eq!(bench.end(2).await, "delivered: ");
        bench.assert_sound().await;
    }

    async fn an_order_cancelled_at_the_vendor_gives_the_money_back(bench) {
        bench.gifts.script(&[Act::Pend]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.gifts.desk().gifts.get_mut(&tp(1).to_string()).unwrap().1 = OrderStatus::Void;
        bench.run(HOUR).await;
        assert!(bench.end(1).await.starts_with("failed: order TR-"), "{}", bench.end(1).await);
        assert_eq!(bench.store.ledgers().await.budgets[0].used_minor(), 0);
        bench.assert_sound().await;
    }

    async fn a_refused_order_releases_its_money_and_a_mail_refused_does_not(bench) {
        bench.gifts.script(&[Act::Reject(Class::Permanent)]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "failed: vendor says permanent");
        bench.mails.script(&[Act::Reject(Class::BadAddress)]);
        bench.hear(gift(2, 30)).await;
        bench.now().await;
        assert!(bench.end(2).await.starts_with("failed: the gift is ordered, but its mail was not sent: vendor says bad address"));
        let budget = bench.store.ledgers().await.budgets[0].clone();
        assert_eq!((budget.reserved_minor, budget.spent_minor), (0, usd(30).minor));
        bench.hear(gift(3, 5)).await;
        bench.now().await;
        assert_eq!(bench.end(3).await, "refused: suppressed: the address does not exist");
        bench.assert_sound().await;
    }

    async fn a_retry_sends_the_stored_bytes_later(bench) {
        bench.gifts.script(&[Act::Reject(Class::Retry { after: Some(HOUR) })]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!((bench.end(1).await.as_str(), bench.gifts.desk().calls.len()), ("", 1));
        bench.run(HOUR * 2).await;
        let calls = bench.gifts.desk().calls.clone();
        assert_eq!((calls.len(), &calls[0]), (2, &calls[1]));
        assert_eq!(bench.end(1).await, "delivered: ");
    }

    /// The step that ended is never entered again, whatever is heard or fires twice.
    async fn every_record_twice_changes_nothing(bench) {
        for _ in 0..2 {
            bench.hear(gift(1, 25)).await;
            bench.now().await;
            bench.hear(gift(1, 25)).await;
            bench.now().await;
        }
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (1, 1));
        assert_eq!(bench.published().await.len(), 3);
        let attempts = bench.store.ledgers().await.attempts;
        assert!(attempts.iter().all(|attempt| attempt.state == AttemptState::Accepted) && attempts.len() == 2);
        bench.run(DAY).await;
        assert_eq!(bench.published().await.len(), 3);
    }

    /// The engine asks again where it heard no end, for one may have been lost on its way.
    async fn whoever_asks_again_is_told_the_same_end_again(bench) {
        let nobody = proto::TouchpointDue { recipient: None, ..mail(2) };
        let mut opted_out = mail(3);
        opted_out.recipient.as_mut().unwrap().opted_out = true;
        let mut all = [gift(1, 25), nobody, opted_out, mail(4)];
        bench.hear(mail(4)).await;
        bench.hear(mail(4)).await;
        bench.hear(revoked(4)).await;
        for message in &all[..3] {
            bench.hear(message.clone()).await;
        }
        bench.run(HOUR).await;
        let ends = async || {
            let mut events = bench.events().await;
            events.retain(|event| matches!(event.body, Body::DeliveryConcluded(_)));
            events.sort_by_key(|event| event.envelope.id);
            events
        };
        let before = ends().await;
        assert_eq!(before.len(), 4, "while a touchpoint is open, there is nothing to say again");
        all.reverse();
        for message in all {
            bench.hear(message).await;
        }
        let after = ends().await;
        assert_eq!(after.len(), 8);
        for (one, pair) in before.iter().zip(after.chunks(2)) {
            for again in pair {
                assert_eq!((again.envelope.id, &again.body), (one.envelope.id, &one.body));
            }
        }
        bench.run(DAY).await;
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (1, 1));
        bench.assert_sound().await;
    }
}
