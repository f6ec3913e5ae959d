//! What could not be used is listed, mended outside, put back, and then has its effect once.

use afterglow_domain::Crm;
use afterglow_e2e::{PATIENCE, STORY, STORY_SUBJECTS, kept};
use afterglow_sandbox::crm::{Deal, Trouble};
use afterglow_support::{History, Product, Settings, World, customers, key_of};

/// A won deal whose CRM talks nonsense until its hint is a dead letter; the letter's id.
async fn parked(world: &World, deal: &Deal) -> (Product, String) {
    world.sandbox.crm.set_trouble(deal.crm, Some(Trouble::Nonsense));
    let product = world.start().await;
    world.win(deal.clone()).await;
    let given_up = "the hint became a dead letter";
    let history =
        world.until_history(given_up, PATIENCE, |history| history.dead_letters().count() == 1).await;
    assert_eq!(history.won().count(), 0);
    let id = history.dead_letters().map(|(_, letter)| letter.dead_letter_id.clone()).next();
    (product, id.unwrap())
}

/// The journey began once, went to its end, and nothing was given twice.
async fn kept_once(world: &World, deal: &Deal) {
    let whole = |history: &History| kept(history, &key_of(deal)).len() == STORY_SUBJECTS.len();
    let history = world.until_history("the whole journey was kept", PATIENCE, whole).await;
    assert_eq!((history.won().count(), history.enrolled().count()), (1, 1));
    assert_eq!(world.gifts_for(customers::address(deal)).len(), 2);
    assert_eq!(world.mails_to(customers::address(deal)).len(), STORY_SUBJECTS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_replayed_beside_the_running_product() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let deal = customers::hubspot(1, world.now());
    let (_product, id) = parked(&world, &deal).await;
    let listed = world.ask(&["dead-letters", "list"]).await;
    assert!(listed.contains(&id) && listed.contains("1 dead letter\n"), "{listed}");
    let shown = world.ask(&["dead-letters", "show", &id]).await;
    for part in ["of ingest", "tried 5 times", "on its way to afterglow.webhooks.v1", &deal.id, "00000000  "]
    {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }

    world.sandbox.crm.set_trouble(Crm::Hubspot, None);
    let told = world.ask(&["dead-letters", "replay", &id]).await;
    assert!(told.contains("1 dead letter replayed"), "{told}");
    let again = world.ask(&["dead-letters", "replay", &id]).await;
    assert!(again.contains("nothing was done") && again.contains("0 dead letters replayed"), "{again}");
    kept_once(&world, &deal).await;
    assert!(world.ask(&["dead-letters", "list"]).await.contains("0 dead letters"));
    let all = world.ask(&["dead-letters", "list", "--all"]).await;
    assert!(all.contains(&id) && all.contains("replayed 20"), "{all}");
    let data_dir = world.data_dir();
    let data_dir = ["--data-dir", data_dir.to_str().unwrap()];
    let stranger = uuid_like(&id);
    let unknown = world.command(&[&["dead-letters", "replay", &stranger][..], &data_dir].concat()).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no dead letter"));
}

/// Another id of the same form.
fn uuid_like(id: &str) -> String {
    let last = if id.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &id[..id.len() - 1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_replayed_while_nothing_runs() {
    let world = World::new(Settings::with_journey(STORY)).await;
    let deal = customers::salesforce(1, world.now());
    let (product, id) = parked(&world, &deal).await;
    product.kill().await;
    world.sandbox.crm.set_trouble(Crm::Salesforce, None);
    for others in [["--role", "dispatcher"], ["--reason", "of another kind"]] {
        let told = world.ask(&[&["dead-letters", "replay", "--all"][..], &others].concat()).await;
        assert!(told.contains("0 dead letters replayed"), "{told}");
    }
    let told = world.ask(&["dead-letters", "replay", "--all", "--role", "ingest"]).await;
    assert!(told.contains(&id) && told.contains("1 dead letter replayed"), "{told}");
    let _product = world.start().await;
    kept_once(&world, &deal).await;
}
