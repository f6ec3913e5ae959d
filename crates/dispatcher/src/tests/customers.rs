//! One budget per customer, whatever is learnt of whose deal it is, and when.

use std::time::Duration;

use afterglow_domain::{HomeKey, Money};
use afterglow_durable::store::CommitFaults;
use afterglow_events::{Body, convert, proto};

use super::bench::{Bench, TestStore, deal, gift, on_each, on_model};
use super::vendors::{Act, usd};
use crate::Wait;

const HOUR: Duration = Duration::from_hours(1);
const A: &str = "hubspot:33:9101";
const B: &str = "hubspot:33:9102";
const C: &str = "hubspot:33:9103";

/// The home key of a deal whose account was not known when it was first heard of.
fn home_of(n: u32) -> HomeKey {
    HomeKey::of_deal(&deal(n).tenant, &deal(n).deal)
}

fn snapshot(n: u32, account: &str) -> proto::DealSnapshot {
    let (deal, account) = (Some(convert::deal_ref(&deal(n))), account.to_owned());
    proto::DealSnapshot { deal, account, ..Default::default() }
}

pub(super) fn amended(n: u32, account: &str, rev: i64) -> proto::DealAmended {
    proto::DealAmended { deal: Some(snapshot(n, account)), rev, ..Default::default() }
}

fn merged(loser: u32, survivor: u32, account: &str, rev: i64) -> proto::DealMerged {
    let survivor_home_key = home_of(survivor).as_str().to_owned();
    let merged = Some(convert::deal_ref(&deal(loser)));
    proto::DealMerged {
        deal: Some(snapshot(survivor, account)),
        rev,
        merged,
        survivor_home_key,
        ..Default::default()
    }
}

/// A gift of deal `of`, in good time in both years of the tests.
fn gift_of(n: u128, of: u32, account: &str, dollars: i64) -> proto::TouchpointDue {
    let deadline = convert::timestamp("2027-03-01T00:00:00Z".parse().unwrap());
    proto::TouchpointDue {
        deal: Some(convert::deal_ref(&deal(of))),
        account: account.to_owned(),
        deadline_at: Some(deadline),
        ..gift(n, dollars)
    }
}

impl<S: TestStore> Bench<S> {
    async fn give(&self, n: u128, of: u32, account: &str, dollars: i64) {
        self.hear_at(&home_of(of), gift_of(n, of, account, dollars)).await;
        self.now().await;
    }

    /// Every budget with something in it, as `account year reserved spent`.
    async fn money(&self) -> Vec<String> {
        let budgets = self.store.ledgers().await.budgets;
        let full = budgets.iter().filter(|budget| budget.used_minor() != 0);
        let text = |minor| Money::new(minor, usd(1).currency);
        full.map(|b| {
            format!("{} {} {} {}", b.key.account, b.key.year, text(b.reserved_minor), text(b.spent_minor))
        })
        .collect()
    }

    /// Whether a touchpoint waits for room in its budget.
    async fn is_over(&self, n: u128) -> bool {
        matches!(self.row(n).await.state.waits_for, Some(Wait::Budget(_)))
    }
}

on_each! {
    async fn what_was_spent_before_the_account_was_known_counts_for_it(bench) {
        bench.give(1, 1, "", 80).await;
        assert_eq!(bench.money().await, ["hubspot:33:deal:1 2026 0 USD 80 USD"]);
        bench.hear_at(&home_of(1), amended(1, A, 2)).await;
        assert_eq!(bench.money().await, [format!("{A} 2026 0 USD 80 USD")]);
        bench.give(2, 2, A, 30).await;
        assert!(bench.is_over(2).await, "another deal of the same customer");
        bench.give(3, 2, A, 20).await;
        assert_eq!(bench.end(3).await, "delivered: ");
        bench.assert_sound().await;
    }

    async fn without_a_deal_event_the_touchpoint_tells_the_account(bench) {
        bench.give(1, 1, "", 80).await;
        bench.give(2, 1, A, 30).await;
        assert!(bench.is_over(2).await);
        assert_eq!(bench.money().await, [format!("{A} 2026 0 USD 80 USD")]);
        bench.hear_at(&home_of(1), gift_of(1, 1, "", 80)).await;
        bench.hear_at(&home_of(1), amended(1, "", 2)).await;
        assert_eq!(bench.money().await, [format!("{A} 2026 0 USD 80 USD")], "what is known stays known");
        bench.hear_at(&home_of(1), amended(1, B, 3)).await;
        bench.give(3, 1, A, 10).await;
        assert_eq!(bench.money().await, [format!("{B} 2026 0 USD 90 USD")], "the deal event counts");
        bench.assert_sound().await;
    }

    async fn a_deal_takes_its_money_along_to_another_account(bench) {
        bench.give(1, 1, A, 80).await;
        bench.hear_at(&home_of(1), amended(1, B, 2)).await;
        bench.give(2, 2, A, 80).await;
        bench.give(3, 3, B, 30).await;
        assert_eq!((bench.end(2).await.as_str(), bench.is_over(3).await), ("delivered: ", true));
        assert_eq!(bench.money().await, [format!("{A} 2026 0 USD 80 USD"), format!("{B} 2026 0 USD 80 USD")]);
        bench.assert_sound().await;
    }

    async fn a_call_under_way_is_settled_where_its_deal_is_by_then(bench) {
        bench.gifts.script(&[Act::LoseAnswer, Act::Lose]);
        bench.gifts.desk().lookup_down = true;
        bench.give(1, 1, "", 40).await;
        bench.give(2, 1, "", 40).await;
        bench.hear_at(&home_of(1), amended(1, A, 2)).await;
        assert_eq!(bench.money().await, [format!("{A} 2026 80 USD 0 USD")]);
        bench.hear_at(&home_of(1), merged(1, 2, B, 3)).await;
        assert_eq!(bench.money().await, [format!("{B} 2026 80 USD 0 USD")]);
        bench.gifts.script(&[Act::Reject(afterglow_providers::Class::Permanent)]);
        bench.gifts.desk().lookup_down = false;
        bench.run(HOUR).await;
        assert_eq!((bench.end(1).await.as_str(), bench.end(2).await.as_str()), ("delivered: ", "failed: vendor says permanent"));
        assert_eq!(bench.money().await, [format!("{B} 2026 0 USD 40 USD")]);
        bench.assert_sound().await;
    }

    /// What is spent is spent: the sum may be above the cap, and then nothing more is set aside.
    async fn merged_deals_share_one_budget_and_above_the_cap_nothing_more_is_set_aside(bench) {
        bench.give(1, 1, A, 80).await;
        bench.give(2, 2, B, 80).await;
        bench.hear_at(&home_of(1), merged(1, 2, B, 2)).await;
        assert_eq!(bench.money().await, [format!("{B} 2026 0 USD 160 USD")]);
        bench.give(3, 2, B, 5).await;
        bench.give(4, 3, B, 5).await;
        assert!(bench.is_over(3).await && bench.is_over(4).await);
        bench.assert_sound().await;
        bench.hear_at(&home_of(2), amended(2, C, 2)).await;
        assert_eq!(bench.money().await, [format!("{C} 2026 0 USD 160 USD")], "both go on together");
        bench.run(HOUR * 7).await;
        assert_eq!(bench.end(4).await, "delivered: ", "there is room again");
        bench.assert_sound().await;
    }

    async fn each_year_moves_as_what_it_is(bench) {
        bench.clock.set("2026-12-31T20:00:00Z".parse().unwrap());
        bench.give(1, 1, "", 80).await;
        bench.clock.set("2027-01-01T00:00:01Z".parse().unwrap());
        bench.give(2, 1, "", 60).await;
        bench.hear_at(&home_of(1), amended(1, A, 2)).await;
        assert_eq!(bench.money().await, [format!("{A} 2026 0 USD 80 USD"), format!("{A} 2027 0 USD 60 USD")]);
        bench.give(3, 2, A, 50).await;
        bench.give(4, 2, A, 40).await;
        assert_eq!((bench.is_over(3).await, bench.end(4).await.as_str()), (true, "delivered: "));
        bench.assert_sound().await;
    }

    /// Records of before deals were followed, and other producers' without a deal.
    async fn without_a_deal_it_counts_where_it_was_set_aside(bench) {
        bench.hear(proto::TouchpointDue { deal: None, ..gift(1, 80) }).await;
        bench.now().await;
        bench.hear(amended(1, A, 2)).await;
        bench.give(2, 2, "hubspot:33:9001", 30).await;
        assert!(bench.is_over(2).await);
        assert_eq!(bench.money().await, ["hubspot:33:9001 2026 0 USD 80 USD"]);
        bench.assert_sound().await;
    }

    async fn a_deal_event_that_breaks_the_contract_is_parked(bench) {
        bench.hear(proto::DealAmended { deal: None, rev: 2, ..Default::default() }).await;
        let foreign = HomeKey::new("rival/hubspot:33:9001").unwrap();
        bench.hear_at(&foreign, amended(1, A, 2)).await;
        bench.hear(amended(1, A, 2)).await;
        let ledgers = bench.store.ledgers().await;
        assert_eq!((bench.events().await.len(), ledgers.deals.len()), (2, 1));
    }
}

/// All orders of everything that is ever told of two deals, each of it twice.
#[tokio::test]
async fn any_order_and_any_repetition_come_to_the_same() {
    let news: [Body; 5] = [
        amended(1, A, 1).into(),
        amended(1, B, 2).into(),
        amended(2, C, 1).into(),
        amended(2, "", 2).into(),
        merged(2, 1, B, 3).into(),
    ];
    for order in 0..120_usize {
        let (mut left, mut rest) = ((0..news.len()).collect::<Vec<_>>(), order);
        let bench = on_model(CommitFaults::default());
        bench.give(1, 1, "", 50).await;
        bench.give(2, 2, A, 40).await;
        while !left.is_empty() {
            let at = rest % left.len();
            rest /= left.len();
            let nth = left.remove(at);
            for _ in 0..2 {
                bench.hear_at(&home_of(if nth < 2 { 1 } else { 2 }), news[nth].clone()).await;
            }
            bench.assert_sound().await;
        }
        assert_eq!(bench.money().await, [format!("{B} 2026 0 USD 90 USD")], "order {order}");
    }
}
