//! Vendors that misbehave: an answer is lost, the account is empty, the key is refused, the server is
//! broken; and the budget, which is ours.

use afterglow_domain::DealKey;
use afterglow_e2e::{PATIENCE, STORY, STORY_SUBJECTS, until_kept};
use afterglow_events::proto::{DeliveryOutcome, StepState};
use afterglow_sandbox::crm::Deal;
use afterglow_sandbox::gifts::Faults;
use afterglow_support::{History, Product, Settings, World, customers, key_of};

async fn won(faults: Faults, settings: Settings) -> (World, Product, Deal, DealKey) {
    let world = World::new(settings).await;
    world.sandbox.gifts.set_faults(faults);
    let product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    world.win(deal.clone()).await;
    let key = key_of(&deal);
    (world, product, deal, key)
}

fn order_states(history: &History, key: &DealKey) -> Vec<StepState> {
    let orders = history.progressed_of(key).filter(|step| step.step == "order");
    orders.map(|step| StepState::try_from(step.state).unwrap()).collect()
}

fn refusing(status: u16) -> Faults {
    Faults { refuse: Some(status), ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_up_and_nothing_is_ordered_twice() {
    let address = customers::address(&customers::hubspot(1, afterglow_domain::Timestamp::EPOCH)).to_owned();
    let faults = Faults { lose_nth_for: vec![(address.clone(), 1)], ..Faults::default() };
    let (world, _product, _, key) = won(faults, Settings::with_journey(STORY)).await;
    let history = until_kept(&world, &key, "welcome").await;
    assert_eq!(world.sandbox.gifts.lost(), 1);
    assert_eq!(order_states(&history, &key), [StepState::Unknown, StepState::Found]);
    let gifts = world.gifts_for(&address);
    assert_eq!(gifts.len(), 1);
    assert_eq!(world.sandbox.gifts.calls(gifts[0].external_id.as_deref().unwrap()), 1);
    assert_eq!(world.mails_to(&address)[0].subject, STORY_SUBJECTS[0]);
}

/// An empty account and a refused key stop all gifts, in one clear line; once the cause is gone, a new
/// start takes up gifts again, and what waited still waits.
async fn a_pause_is_told_once_and_ends(status: u16, code: &str) {
    let (world, product, deal, key) = won(refusing(status), Settings::with_journey(STORY)).await;
    let paused = async || world.log().contains(code).then_some(());
    world.until(&format!("the log says {code}"), PATIENCE, paused).await;
    let told = world.ask(&["explain", "Customer 1"]).await;
    assert!(told.contains(&status.to_string()), "the reason is told: {told}");
    assert!(world.ask(&["explain", code]).await.contains(code));
    until_kept(&world, &key, "getting-started").await;
    assert_eq!(world.log().matches(code).count(), 1, "one line, however many wait");
    assert_eq!(product.terminate().await, Some(0));

    world.sandbox.gifts.set_faults(Faults::default());
    let _product = world.start().await;
    let second = customers::salesforce(2, world.now());
    world.win(second.clone()).await;
    let history = until_kept(&world, &key_of(&second), "welcome").await;
    assert_eq!(world.gifts_for(customers::address(&second)).len(), 1);
    assert!(
        history.closed_of(&key).all(|closed| closed.moment != "welcome"),
        "the first one is not given up"
    );
    assert!(world.gifts_for(customers::address(&deal)).len() <= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_account_pauses_gifts() {
    a_pause_is_told_once_and_ends(402, "AG4001").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_pauses_gifts() {
    a_pause_is_told_once_and_ends(401, "AG4002").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_server_leaves_the_outcome_unknown_until_it_can_be_asked() {
    let (world, _product, deal, key) = won(refusing(500), Settings::with_journey(STORY)).await;
    world
        .until_history("the order's outcome is unknown", PATIENCE, |history| {
            order_states(history, &key).contains(&StepState::Unknown)
        })
        .await;
    assert!(world.gifts_for(customers::address(&deal)).is_empty());
    world.sandbox.gifts.set_faults(Faults::default());
    let history = until_kept(&world, &key, "welcome").await;
    assert_eq!(order_states(&history, &key).last(), Some(&StepState::Accepted));
    assert_eq!(world.gifts_for(customers::address(&deal)).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_budget_the_mail_goes_without_its_gift() {
    let settings = Settings { budget: "60 USD", ..Settings::with_journey(STORY) };
    let (world, _product, deal, key) = won(Faults::default(), settings).await;
    let history = until_kept(&world, &key, "first-month").await;
    let address = customers::address(&deal);
    assert_eq!(world.gifts_for(address).len(), 1, "25 of 60 USD are spent; 50 more are too much");
    let done = history.concluded_of(&key).find(|done| !done.without_gift.is_empty());
    let done = done.expect("the conclusion says why there was no gift");
    assert_eq!(done.outcome, DeliveryOutcome::Delivered as i32);
    let letter = world.mails_to(address).into_iter().nth(2).unwrap();
    assert_eq!(letter.subject, STORY_SUBJECTS[2]);
    assert!(!letter.text.contains("/redeem/"), "{}", letter.text);
}
