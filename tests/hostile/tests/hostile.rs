//! The table, played against the running product; and what does not fit into a table.

use std::time::Duration;

use afterglow_hostile::play::HTTP;
use afterglow_hostile::{Case, Play, authenticity, http, json, soap};
use afterglow_support::{Settings, Webhook, World, customers, key_of};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

async fn world() -> World {
    World::new(Settings { http: HTTP, ..Settings::default() }).await
}

/// Plays a table to its end, whatever fails, and reports everything that was wrong.
async fn play(cases: &[Case]) {
    let world = world().await;
    let mut product = world.start().await;
    let mut play = Play::new(&world);
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(play.case(case).await.err());
    }
    assert!(product.runs(), "the product is gone");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_authentic_stores_nothing() {
    play(authenticity::CASES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_acceptable_http_is_refused() {
    play(http::CASES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authentic_json_that_is_unusable_is_kept() {
    play(json::CASES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authentic_xml_that_is_unusable_is_kept() {
    play(soap::CASES).await;
}

/// 27: idle connections hold every place, and those who have something to say are served all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_keep_senders_out() {
    let world = world().await;
    let _product = world.start().await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        // Beyond the product's cap they wait in the system's queue; both kinds are idle.
        idle.push(TcpStream::connect(world.edge).await.unwrap());
    }
    idle[0].write_all(b"P").await.unwrap();
    let answer = world.deliver(&Webhook::hubspot(format!("[{}]", json::event("100")))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    drop(idle);
}

/// 10 and 44: a hundred copies at once, and stages in a shuffled order, are one journey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_and_shuffled_stages_are_one_journey() {
    let world = world().await;
    let _product = world.start().await;
    let deal = customers::hubspot(1, world.now());
    let key = key_of(&deal);
    world.sandbox.crm.put(deal.clone(), world.now());
    let won = world.webhook(&deal.id);
    let reopened = match &won {
        Webhook::Hubspot { body, .. } => {
            let body = String::from_utf8(body.clone()).unwrap().replace("closedwon", "contractsent");
            Webhook::hubspot(body)
        }
        Webhook::Salesforce { .. } => unreachable!("the deal is HubSpot's"),
    };
    for n in 0..100 {
        let webhook = if n % 10 == 5 { &reopened } else { &won };
        assert_eq!(world.deliver(webhook).await.status, 200);
    }
    let history = world
        .until_history("the first moment was delivered", Duration::from_secs(30), |history| {
            history.closed_of(&key).count() > 0
        })
        .await;
    assert_eq!(history.enrolled().count(), 1);
    assert_eq!(history.won().count(), 1);
    assert_eq!(world.gifts_for(customers::address(&deal)).len(), 1);
}

/// 46–48: hostile names and addresses in the CRM's own records are text, wherever they come out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_people_are_text_in_mail_and_log() {
    let world = world().await;
    let _product = world.start().await;
    let mut scripted = customers::hubspot(1, world.now());
    scripted.contacts[0].person.first_name =
        "<script>alert(1)</script>\r\nBcc: x@evil.example \u{1b}[31m".to_owned();
    scripted.company.as_mut().unwrap().name = "{{7*7}} =HYPERLINK() \u{202e}".to_owned();
    let mut broken = customers::hubspot(2, world.now());
    broken.contacts[0].person.email = "robin@customer.example\r\nBcc: x@evil.example".to_owned();
    let (key, address) = (key_of(&scripted), customers::address(&scripted).to_owned());
    for deal in [scripted, broken] {
        world.win(deal).await;
    }
    let history = world
        .until_history("the first touchpoint was concluded", Duration::from_secs(30), |history| {
            history.concluded_of(&key).count() > 0
        })
        .await;
    let reasons: Vec<&str> = history.concluded_of(&key).map(|done| done.reason.as_str()).collect();
    let letter = world.mails_to(&address).into_iter().next();
    let letter = letter.unwrap_or_else(|| panic!("a hostile name is no reason for silence: {reasons:?}"));
    let html = letter.html.unwrap_or_default();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    // Not a plain 49, which a port or a signed link may have, too.
    assert!(
        !letter.text.contains("49 =HYPERLINK") && letter.text.contains("{{7*7}} =HYPERLINK"),
        "{}",
        letter.text
    );
    let everybody = world.sandbox.mailbox.mails();
    assert!(everybody.iter().all(|mail| mail.to.iter().all(|to| !to.contains("evil"))));
    let log = world.log();
    assert!(!log.contains('\u{1b}') && !log.contains("<script>") && !log.contains("evil.example"), "{log}");
}
