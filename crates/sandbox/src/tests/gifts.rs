use std::num::NonZeroU32;
use std::time::Duration;

use afterglow_domain::{Currency, Money};
use afterglow_providers::{Class, GiftOrder, GiftVendor, Lookup, Outcome, Tremendous, tremendous};
use serde_json::{Value, json};

use super::*;
use crate::gifts::Faults;

fn vendor(world: &World) -> Tremendous {
    let settings = tremendous::Settings {
        base_url: world.sandbox.gifts_url(),
        secret: "key".into(),
        funding_source: "balance".to_owned(),
        calls_per_second: NonZeroU32::new(1000).unwrap(),
        timeout: Duration::from_secs(20),
    };
    Tremendous::new(world.http.clone(), settings).unwrap()
}

fn gift(external_id: &str) -> GiftOrder {
    GiftOrder {
        external_id: external_id.to_owned(),
        amount: Money::new(2500, Currency::USD),
        product: "campaign:COFFEE".to_owned(),
        recipient_name: "Jonas <Weber>".into(),
        recipient_email: "jonas@northwind.example".into(),
    }
}

#[tokio::test]
async fn an_external_id_is_one_order() {
    let world = world().await;
    let url = format!("{}/api/v2/orders", world.sandbox.gifts_url());
    let bytes = vendor(&world).request(&gift("tp_1")).unwrap();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = world.http.post(&url).bearer_auth("key").body(bytes.clone()).send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.json::<Value>().await.unwrap()));
    }
    assert_eq!((answers[0].0, answers[1].0), (200, 201));
    assert_eq!(answers[0].1, answers[1].1);
    let order = &answers[0].1["order"];
    assert_eq!(order["payment"]["currency_code"], "USD");
    assert!(order["id"].as_str().unwrap().starts_with("TR-"));
    assert_eq!(world.sandbox.gifts.calls("tp_1"), 2);
    let ledger = world.json("gifts.json").await;
    assert_eq!(ledger["orders"].as_array().unwrap().len(), 1);
    assert_eq!((&ledger["orders"][0]["calls"], &ledger["lost_answers"]), (&json!(2), &json!(0)));
    world.end().await;
}

#[tokio::test]
async fn a_lost_answer_has_acted_and_is_found_by_lookup() {
    let world = world().await;
    let vendor = vendor(&world);
    let faults =
        Faults { lose_nth_for: vec![("jonas@northwind.example".to_owned(), 2)], ..Faults::default() };
    world.sandbox.gifts.set_faults(faults);
    let mut outcomes = Vec::new();
    for id in ["tp_1", "tp_2", "tp_3"] {
        outcomes.push(vendor.order(&vendor.request(&gift(id)).unwrap()).await);
    }
    assert!(matches!(outcomes[0], Outcome::Accepted(_)));
    assert!(matches!(outcomes[1], Outcome::Unknown { .. }), "{:?}", outcomes[1]);
    assert!(matches!(outcomes[2], Outcome::Accepted(_)));
    let Lookup::Found(found) = vendor.lookup("tp_2").await else { panic!() };
    let Lookup::Found(link) = vendor.link(&found).await else { panic!() };
    assert_eq!(link.expose(), &world.sandbox.gifts.link(&world.sandbox.gifts.orders()[1]));
    let gift_page = world.http.get(link.expose()).send().await.unwrap().text().await.unwrap();
    assert!(gift_page.contains("25 USD for Jonas &lt;Weber&gt;"), "{gift_page}");
    assert_eq!(vendor.lookup("tp_9").await, Lookup::NotFound);
    assert_eq!((world.sandbox.gifts.orders().len(), world.sandbox.gifts.lost()), (3, 1));
    assert_eq!(world.sandbox.gifts.calls("tp_2"), 1, "no library below us sends again on its own");
    world.end().await;
}

#[tokio::test]
async fn a_fifth_of_the_answers_is_lost_and_nothing_is_ordered_twice() {
    let world = world().await;
    let vendor = vendor(&world);
    world.sandbox.gifts.set_faults(Faults { seed: 7, lose_percent: 20, ..Faults::default() });
    for n in 0..100 {
        let bytes = vendor.request(&gift(&format!("tp_{n}"))).unwrap();
        // A safe key: sent again until an answer comes.
        while matches!(vendor.order(&bytes).await, Outcome::Unknown { .. }) {}
    }
    let orders = world.sandbox.gifts.orders();
    assert_eq!(orders.len(), 100);
    let ids: std::collections::BTreeSet<_> = orders.iter().map(|order| &order.order_id).collect();
    assert_eq!(ids.len(), 100, "order ids are unique");
    assert!((10..45).contains(&world.sandbox.gifts.lost()), "{}", world.sandbox.gifts.lost());
    world.end().await;
}

#[tokio::test]
async fn refusals_act_on_nothing() {
    let world = world().await;
    let vendor = vendor(&world);
    let bytes = vendor.request(&gift("tp_1")).unwrap();
    for (status, expected) in [
        (402, Some(Class::NoFunds)),
        (429, Some(Class::Retry { after: Some(Duration::from_secs(1)) })),
        (500, None),
    ] {
        world.sandbox.gifts.set_faults(Faults { refuse: Some(status), ..Faults::default() });
        match (vendor.order(&bytes).await, expected) {
            (Outcome::Rejected(rejection), Some(class)) => assert_eq!(rejection.class, class),
            (Outcome::Unknown { .. }, None) => {}
            (other, _) => panic!("{status}: {other:?}"),
        }
    }
    world.sandbox.gifts.set_faults(Faults::default());
    let url = format!("{}/api/v2/orders", world.sandbox.gifts_url());
    let post = |body: Value| world.http.post(&url).bearer_auth("key").body(body.to_string()).send();
    let valid: Value = serde_json::from_slice(&bytes).unwrap();
    for (pointer, value) in [
        ("/reward/delivery/method", json!("EMAIL")),
        ("/reward/campaign_id", json!(null)),
        ("/reward/value/denomination", json!(0)),
        ("/reward/value/currency_code", json!("usd")),
        ("/payment", json!({})),
    ] {
        let mut body = valid.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(post(body).await.unwrap().status(), 400, "{pointer}");
    }
    let stranger = world.http.post(&url).bearer_auth("wrong").body(bytes).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert!(world.sandbox.gifts.orders().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_ledger_survives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let world = world_in(Some(folder.path().to_owned())).await;
        let vendor = vendor(&world);
        let bytes = vendor.request(&gift("tp_1")).unwrap();
        let Outcome::Accepted(ordered) = vendor.order(&bytes).await else { panic!() };
        seen.push(ordered.order_id);
        assert_eq!(world.sandbox.gifts.orders().len(), 1);
        world.end().await;
    }
    assert_eq!(seen[0], seen[1]);
}
