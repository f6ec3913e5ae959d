//! Budgets, empty vendors, and the mail that goes instead.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use afterglow_events::{convert, proto};
use afterglow_providers::Class;

use super::bench::{Bench, TestStore, gift, gift_or_mail, on_each};
use super::vendors::{Act, usd};
use crate::Wait;

const HOUR: Duration = Duration::from_hours(1);

on_each! {
    async fn over_the_cap_the_mail_goes_at_once_without_its_gift(bench) {
        bench.hear(gift(1, 80)).await;
        bench.hear(gift_or_mail(2, 30)).await;
        bench.now().await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("delivered: ".into(), "delivered: ".into()));
        let why = bench.row(2).await.state.without_gift.unwrap();
        assert_eq!(why, "over the budget: 80 USD of 100 USD used in 2026, the gift is 30 USD");
        assert_eq!(bench.gifts.effects().0, 1);
        let mails = bench.mails.desk().mails.concat();
        assert!(String::from_utf8(mails).unwrap().contains("Subject: instead for Jonas"));
        bench.assert_sound().await;
    }

    async fn over_the_cap_without_another_mail_it_waits_and_is_refused(bench) {
        bench.hear(gift(1, 80)).await;
        bench.hear(gift(2, 30)).await;
        bench.now().await;
        assert!(matches!(bench.row(2).await.state.waits_for, Some(Wait::Budget(_))));
        bench.run(HOUR * 48).await;
        assert!(bench.end(2).await.starts_with("refused: over the budget"), "{}", bench.end(2).await);
        assert_eq!(bench.gifts.effects().0, 1);
        bench.assert_sound().await;
    }

    async fn money_given_back_lets_the_next_one_go(bench) {
        bench.gifts.script(&[Act::LoseAnswer]);
        bench.gifts.desk().lookup_down = true;
        bench.hear(gift(1, 80)).await;
        bench.now().await;
        bench.hear(gift(2, 30)).await;
        bench.run(HOUR).await;
        assert_eq!(bench.end(2).await, "", "what is unknown stays reserved");
        bench.gifts.desk().gifts.clear();
        bench.gifts.desk().lookup_down = false;
        bench.gifts.script(&[Act::Reject(Class::Permanent)]);
        bench.run(HOUR * 20).await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("failed: vendor says permanent".into(), "delivered: ".into()));
        bench.assert_sound().await;
    }

    async fn the_lowest_cap_applies_and_other_currencies_have_none(bench) {
        let mut message = gift(1, 25);
        message.budget_cap = Some(convert::money(usd(20)));
        bench.hear(message).await;
        let mut message = gift_or_mail(2, 25);
        if let Some(proto::touchpoint_due::Deed::Gift(gift)) = &mut message.deed {
            gift.worth.as_mut().unwrap().currency_code = "EUR".to_owned();
        }
        bench.hear(message).await;
        bench.now().await;
        assert!(matches!(bench.row(1).await.state.waits_for, Some(Wait::Budget(_))));
        assert_eq!(bench.row(2).await.state.without_gift.as_deref(), Some("there is no budget in EUR"));
        assert_eq!(bench.gifts.effects().0, 0);
    }

    async fn a_new_year_has_a_new_budget(bench) {
        bench.clock.set("2026-12-31T20:00:00Z".parse().unwrap());
        for (n, dollars) in [(1, 90), (2, 90)] {
            let mut message = gift(n, dollars);
            message.deadline_at = Some(convert::timestamp("2027-01-02T00:00:00Z".parse().unwrap()));
            bench.hear(message).await;
        }
        bench.now().await;
        bench.run(HOUR * 24).await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("delivered: ".into(), "delivered: ".into()));
        assert_eq!(bench.store.ledgers().await.budgets.len(), 2);
        bench.assert_sound().await;
    }

    async fn an_empty_vendor_pauses_and_the_gift_goes_when_it_is_filled(bench) {
        bench.gifts.script(&[Act::Reject(Class::NoFunds)]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.hear(gift(2, 25)).await;
        bench.now().await;
        assert_eq!(bench.gifts.desk().calls.len(), 1, "the second does not even try");
        bench.run(HOUR).await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("delivered: ".into(), "delivered: ".into()));
        bench.assert_sound().await;
    }

    async fn a_vendor_down_until_the_deadline_means_the_mail_without_gift(bench) {
        bench.gifts.script(&vec![Act::Reject(Class::NoFunds); 1000]);
        bench.hear(gift_or_mail(1, 25)).await;
        bench.hear(gift(2, 25)).await;
        bench.run(HOUR * 48).await;
        assert_eq!(bench.end(1).await, "delivered: ");
        let why = bench.row(1).await.state.without_gift.unwrap();
        assert!(why.starts_with("the vendor was down until the deadline: vendor says no funds"), "{why}");
        assert_eq!(bench.end(2).await, "failed: past its deadline; vendor says no funds");
        assert_eq!(bench.store.ledgers().await.budgets[0].used_minor(), 0);
        bench.assert_sound().await;
    }
}
