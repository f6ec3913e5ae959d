//! An address that does not exist: nothing more goes there, its owner hears of it, and so does whoever
//! operates the product, because a gift was paid for.

use afterglow_e2e::{OWNER, PATIENCE, STORY, until_kept};
use afterglow_events::proto::DeliveryCause;
use afterglow_sandbox::mailbox::Faults;
use afterglow_support::{Settings, World, customers, key_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_address_is_told_to_people_and_a_corrected_one_gets_what_waited() {
    // The gift comes first, however long a busy machine takes to hear of the deal.
    let story = STORY.replace("id: getting-started, day: 5,", "id: getting-started, day: 10,");
    let world = World::new(Settings::with_journey(&story)).await;
    let _product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let (key, wrong) = (key_of(&deal), customers::address(&deal).to_owned());
    let refusal = (wrong.clone(), "550 5.1.1 no such user".to_owned());
    world.sandbox.mailbox.set_faults(Faults { refuse_recipients: [refusal].into(), ..Faults::default() });
    world.win(deal.clone()).await;

    let subjects = async |count: usize| {
        let told = async || Some(world.mails_to(OWNER)).filter(|tasks| tasks.len() >= count);
        let tasks = world.until("the owner is told", PATIENCE, told).await;
        tasks.into_iter().map(|task| task.subject).collect::<Vec<_>>()
    };
    let expected =
        ["A gift for Customer 1 was paid for and not handed over", "Who should hear from us at Customer 1?"];
    assert_eq!(subjects(2).await, expected);
    let gifts = world.gifts_for(&wrong);
    let link = world.sandbox.gifts.link(&gifts[0]);
    assert!(world.mails_to(OWNER).iter().all(|task| !task.text.contains(&link)), "the link stays with us");
    assert!(world.mails_to(OWNER)[1].text.contains("has an address that does not exist"));
    assert_eq!((gifts.len(), world.mails_to(&wrong).len()), (1, 0));

    assert_eq!(world.log().matches("AG4007").count(), 1, "one line for one gift");
    assert!(world.ask(&["explain", "AG4007"]).await.contains("paid for"));
    let listed = world.ask(&["attempts", "list"]).await;
    assert!(listed.contains("not_handed_over") && listed.contains("1 call waits for a person"), "{listed}");
    let id = listed.split_whitespace().next().unwrap().to_owned();
    let config = world.config().to_str().unwrap();
    let resolved = world.command(&["attempts", "resolve", &id, "--config", config, "--sent"]).await;
    assert!(resolved.status.success(), "{}", String::from_utf8_lossy(&resolved.stderr));
    assert!(world.ask(&["attempts", "list"]).await.contains("0 calls wait for a person"));

    let right = "robin.berg@hubspot-1.example";
    world.sandbox.crm.amend(&deal.id, world.now(), |deal| {
        right.clone_into(&mut deal.contacts[0].person.email);
    });
    assert!(world.deliver(&world.webhook(&deal.id)).await.is_success());
    let history = until_kept(&world, &key, "getting-started").await;
    let refused = DeliveryCause::AddressRefused as i32;
    assert_eq!(history.concluded_of(&key).filter(|end| end.cause == refused).count(), 1, "tried once");
    until_kept(&world, &key, "value-1").await;
    assert_eq!((world.mails_to(right).len(), world.mails_to(&wrong).len()), (3, 0));
    assert_eq!(subjects(2).await, expected, "and nobody was asked again");
}
