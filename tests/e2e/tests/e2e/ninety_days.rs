//! The shipped journey: two deals, one of each CRM, from the signature to day 90.

use std::time::Duration;

use afterglow_e2e::kept;
use afterglow_sandbox::crm::Deal;
use afterglow_support::{Settings, World, customers, key_of};

const SUBJECTS: [&str; 11] = [
    "Welcome, Robin. Coffee is on us",
    "Three things worth setting up first",
    "One week in",
    "How is it going, Robin?",
    "A shortcut worth knowing",
    "Your first month",
    "How three customers use it",
    "The community, if you are curious",
    "A report you can hand on",
    "What the next quarter usually brings",
    "Thank you for the first quarter",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_deals_get_eleven_moments_and_four_gifts_each() {
    let world = World::new(Settings::default()).await;
    let product = world.start().await;
    let deals = [customers::hubspot(1, world.now()), customers::salesforce(2, world.now())];
    for deal in &deals {
        world.win(deal.clone()).await;
    }
    let keys = deals.each_ref().map(key_of);
    let history = world
        .until_history("ninety days are over", Duration::from_mins(3), |history| {
            keys.iter().all(|key| history.closed_of(key).count() >= 11)
        })
        .await;
    for (deal, key) in deals.iter().zip(&keys) {
        assert_eq!(history.due_of(key).count(), 11);
        assert_eq!(kept(&history, key).len(), 11, "{:?}", history.closed_of(key).collect::<Vec<_>>());
        expect_gifts(&world, deal);
        expect_mails(&world, deal);
    }
    assert_eq!(product.terminate().await, Some(0));
}

fn expect_gifts(world: &World, deal: &Deal) {
    let gifts = world.gifts_for(customers::address(deal));
    let cents: Vec<i64> = gifts.iter().map(|gift| gift.amount.minor).collect();
    assert_eq!(cents, [2_500, 2_500, 5_000, 7_500]);
    let products: Vec<&str> = gifts.iter().map(|gift| gift.product.as_str()).collect();
    assert_eq!(products, ["CAMPAIGN1", "CAMPAIGN2", "CAMPAIGN0", "CAMPAIGN0"]);
}

fn expect_mails(world: &World, deal: &Deal) {
    let letters = world.mails_to(customers::address(deal));
    // Days of a second: two mails may change places on their way.
    let mut subjects: Vec<&str> = letters.iter().map(|letter| letter.subject.as_str()).collect();
    subjects.sort_by_key(|subject| SUBJECTS.iter().position(|known| known == subject));
    assert_eq!(subjects, SUBJECTS);
    for letter in &letters {
        let link = letter.list_unsubscribe.as_deref().unwrap_or_default();
        assert!(link.starts_with(&format!("<{}/u/", world.public_url())), "{link}");
        assert_eq!(letter.list_unsubscribe_post.as_deref(), Some("List-Unsubscribe=One-Click"));
    }
    let with_gift = letters.iter().filter(|letter| letter.text.contains("/redeem/")).count();
    assert_eq!(with_gift, 4, "each gift's link stands in its mail");
}
