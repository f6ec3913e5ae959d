//! Leaving, by the link in the mail itself.

use afterglow_e2e::{OWNER, PATIENCE, STORY, refusals};
use afterglow_support::{Settings, World, customers, key_of};

/// The address of a one-click link, from the header that carries it.
pub(crate) fn link(header: Option<&str>) -> String {
    let header = header.expect("every journey mail can be left");
    header.trim_start_matches('<').split('>').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_unsubscribes_gets_no_further_mail_and_a_look_changes_nothing() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let _product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let (key, address) = (key_of(&deal), customers::address(&deal).to_owned());
    world.win(deal).await;
    let mails = async |count: usize| {
        let enough = async || Some(world.mails_to(&address)).filter(|mails| mails.len() >= count);
        world.until("the next mail has come", PATIENCE, enough).await
    };
    let link = link(mails(1).await[0].list_unsubscribe.as_deref());

    let looked = world.http.get(&link).send().await.unwrap();
    assert_eq!(looked.status(), 200);
    assert!(looked.text().await.unwrap().contains("<form"), "a page with a button");
    mails(2).await;
    let mut history = world.history();
    history.catch_up().await;
    assert_eq!(history.signals().count(), 0, "a look is no wish");

    let altered =
        world.http.post(format!("{link}x")).body("List-Unsubscribe=One-Click").send().await.unwrap();
    assert_eq!(altered.status(), 404);
    for _ in 0..2 {
        let acted = world.http.post(&link).body("List-Unsubscribe=One-Click").send().await.unwrap();
        assert_eq!(acted.status(), 200);
    }
    // The owner is asked once for somebody else; meanwhile nothing more is tried.
    let asked = async || world.mails_to(OWNER).into_iter().next();
    let task = world.until("the owner is asked", PATIENCE, asked).await;
    assert!(task.text.contains("wants no mail from us any more"), "{}", task.text);
    let history = world
        .until_history("one moment was refused", PATIENCE, |history| !refusals(history, &key).is_empty())
        .await;
    let refused = refusals(&history, &key);
    assert!(refused.len() == 1 && refused[0].contains("suppressed"), "{refused:?}");
    assert_eq!(world.mails_to(&address).len(), 2);
    assert_eq!(world.gifts_for(&address).len(), 1, "no gift that nobody may be told of");
    let told = world.ask(&["explain", "Customer 1"]).await;
    assert!(told.contains("suppressed"), "{told}");
}
