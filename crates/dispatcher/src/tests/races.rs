//! Revocations and suppressions against calls: exactly one of the two legal outcomes.

use std::time::Duration;

use afterglow_domain::{DealRef, HomeKey};
use afterglow_durable::store::CommitFaults;
use afterglow_events::{convert, proto};
use afterglow_providers::Class;

use super::bench::{Bench, TestStore, deal, gift, home, mail, on_each, revoked, tp};
use super::vendors::Act;
use crate::Status;
use crate::claim::Lanes;

const HOUR: Duration = Duration::from_hours(1);

on_each! {
    async fn a_revocation_before_its_touchpoint_is_a_tombstone(bench) {
        bench.hear(revoked(1)).await;
        bench.hear(revoked(1)).await;
        assert_eq!(bench.row(1).await.status, Status::Tombstone);
        bench.hear(gift(1, 25)).await;
        bench.hear(gift(1, 25)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "revoked: the deal is open again");
        assert_eq!((bench.published().await, bench.gifts.desk().calls.len()), (vec!["revoked".to_owned()], 0));
        bench.assert_sound().await;
    }

    async fn a_waiting_one_is_revoked_at_once(bench) {
        bench.gifts.script(&[Act::Reject(Class::NoFunds)]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.hear(mail(2)).await;
        for n in [1, 2] {
            bench.hear(revoked(n)).await;
            assert_eq!(bench.end(n).await, "revoked: the deal is open again");
        }
        bench.run(HOUR * 48).await;
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (0, 0));
        assert_eq!(bench.store.ledgers().await.budgets[0].used_minor(), 0);
        bench.assert_sound().await;
    }

    async fn revoked_between_order_and_notify_there_is_no_mail_and_no_refund(bench) {
        bench.gifts.script(&[Act::NoLink]);
        bench.gifts.desk().lookup_down = true;
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.hear(revoked(1)).await;
        bench.gifts.desk().lookup_down = false;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "failed: the gift is ordered, but its mail was not sent: revoked: the deal is open again");
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (1, 0));
        assert_eq!(bench.store.ledgers().await.budgets[0].spent_minor, 2500);
        bench.assert_sound().await;
    }

    async fn suppressed_between_order_and_notify_there_is_no_mail(bench) {
        bench.gifts.script(&[Act::NoLink]);
        bench.gifts.desk().lookup_down = true;
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.unsubscribe("jonas@northwind.example").await;
        bench.gifts.desk().lookup_down = false;
        bench.run(HOUR).await;
        assert!(bench.end(1).await.starts_with("failed: the gift is ordered, but its mail was not sent: suppressed"));
        assert_eq!(bench.mails.effects().1, 0);
        bench.assert_sound().await;
    }

    /// The claim is committed, then the revocation, then the call ends: what happened is told.
    async fn a_call_under_way_is_told_as_it_ends(bench) {
        for (n, message) in [(1, gift(1, 25)), (2, mail(2))] {
            bench.hear(message).await;
            bench.lag.decided_up_to(bench.dispatcher.clocks.wall.now());
            let (_, jobs) = bench.dispatcher.claim_due(&mut Lanes::new(9)).await.unwrap().unwrap();
            bench.hear(revoked(n)).await;
            assert_eq!(bench.end(n).await, "");
            for job in jobs {
                bench.dispatcher.perform(job).await;
            }
        }
        bench.run(HOUR).await;
        assert!(bench.end(1).await.starts_with("failed: the gift is ordered, but its mail was not sent"));
        assert_eq!(bench.end(2).await, "delivered: ");
        bench.assert_sound().await;
    }

    /// An order that was lost on its way may arrive after the first look: it is looked for again when
    /// the call is certainly over, before anybody says "revoked".
    async fn a_revoked_order_that_turns_up_late_is_found(bench) {
        bench.gifts.script(&[Act::Lose, Act::Reject(Class::Retry { after: None })]);
        bench.gifts.desk().lookup_down = true;
        for n in [1, 2] {
            bench.hear(gift(n, 25)).await;
            bench.now().await;
            bench.hear(revoked(n)).await;
            bench.gifts.script(&[Act::Lose]);
        }
        bench.gifts.desk().lookup_down = false;
        bench.clock.advance(Duration::from_secs(10));
        bench.now().await;
        assert_eq!(bench.end(1).await, "", "not found so soon proves nothing");
        bench.gifts.desk().gifts.insert(tp(1).to_string(), (1, afterglow_providers::OrderStatus::Executed));
        bench.run(HOUR).await;
        assert!(bench.end(1).await.starts_with("failed: the gift is ordered"), "{}", bench.end(1).await);
        assert_eq!(bench.end(2).await, "revoked: the deal is open again");
        bench.assert_sound().await;
    }

    /// Touchpoints' ids can be computed by anybody.
    async fn another_tenant_s_touchpoint_takes_nothing_away(bench) {
        let umbrella = HomeKey::new("umbrella/hubspot:33:9001").unwrap();
        let own = DealRef { tenant: umbrella.tenant(), ..deal(1) };
        let copied = proto::TouchpointDue { deal: Some(convert::deal_ref(&own)), ..mail(1) };
        let no_deal = proto::TouchpointDue { deal: None, enrolled_deal: None, ..mail(1) };
        let own_deal = proto::TouchpointDue { enrolled_deal: None, ..copied.clone() };
        for message in [mail(1), copied, no_deal, own_deal] {
            bench.hear_at(&umbrella, message).await;
        }
        bench.hear(mail(1)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.mails.effects().1, 1, "its own customer has it");
        assert_eq!(bench.row(1).await.home, home());
        let mut published = bench.published().await;
        published.sort();
        // The bench's records all come from one offset, so that their letters are one.
        assert_eq!(published, ["afterglow.dead-letter.v1", "delivered", "notify accepted"]);
        bench.assert_sound().await;
    }

    async fn another_tenant_s_revocation_takes_nothing_back(bench) {
        let umbrella = HomeKey::new("umbrella/hubspot:33:9001").unwrap();
        bench.hear_at(&umbrella, revoked(1)).await;
        for _ in 0..2 {
            bench.hear(mail(1)).await;
            bench.hear_at(&umbrella, revoked(1)).await;
        }
        bench.run(HOUR).await;
        assert_eq!(bench.mails.effects().1, 1, "it was sent, once");
        assert_eq!(bench.row(1).await.home, home());
        bench.hear_at(&umbrella, revoked(1)).await;
        // The bench's records all come from one offset, so that their letters are one.
        let mut published = bench.published().await;
        published.sort();
        assert_eq!(published, ["afterglow.dead-letter.v1", "delivered", "notify accepted"]);
        bench.assert_sound().await;
    }
}
