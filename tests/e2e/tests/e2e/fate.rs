//! What a deal's fate does to its journey: lost, reopened, won again. A second deal of the same day shows
//! meanwhile that time has passed.

use afterglow_e2e::{PATIENCE, STORY, kept, until_kept, waived};
use afterglow_sandbox::crm::Deal;
use afterglow_support::{Settings, World, customers, key_of};

async fn after_two_moments(world: &World, deals: &[&Deal]) {
    for deal in deals {
        world.win((*deal).clone()).await;
    }
    world
        .until("the first two mails have come", PATIENCE, async || {
            deals.iter().all(|deal| world.mails_to(customers::address(deal)).len() >= 2).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_deal_hears_nothing_more() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let _product = world.start().await;
    let (lost, control) = (customers::salesforce(1, world.now()), customers::hubspot(2, world.now()));
    after_two_moments(&world, &[&lost, &control]).await;
    world.move_to(&lost, "lost").await;
    let history = until_kept(&world, &key_of(&control), "value-1").await;
    let key = key_of(&lost);
    assert!(
        history.exit_of(&key).is_some_and(|reason| reason.contains("lost")),
        "{:?}",
        history.exit_of(&key)
    );
    assert_eq!(kept(&history, &key), ["welcome", "getting-started"]);
    assert_eq!(waived(&history, &key), ["first-month", "value-1"]);
    assert!(history.closed_of(&key).filter(|closed| closed.reason.contains("lost")).count() == 2);
    assert_eq!(world.mails_to(customers::address(&lost)).len(), 2);
    assert_eq!(world.gifts_for(customers::address(&lost)).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_deal_waits_and_goes_on_when_it_is_won_again() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let _product = world.start().await;
    let (deal, control) = (customers::hubspot(1, world.now()), customers::salesforce(2, world.now()));
    let key = key_of(&deal);
    after_two_moments(&world, &[&deal, &control]).await;
    world.move_to(&deal, "open").await;
    let history = until_kept(&world, &key_of(&control), "value-1").await;
    assert_eq!(history.holds_of(&key), (1, 0));
    assert_eq!(world.mails_to(customers::address(&deal)).len(), 2, "nothing goes out while it is open");
    world.move_to(&deal, "won").await;
    let history = until_kept(&world, &key, "value-1").await;
    assert_eq!(history.holds_of(&key), (1, 1));
    assert_eq!(kept(&history, &key), ["welcome", "getting-started", "first-month", "value-1"]);
    assert_eq!(world.mails_to(customers::address(&deal)).len(), 4);
    assert_eq!(world.gifts_for(customers::address(&deal)).len(), 2, "what was given is not given again");
}
