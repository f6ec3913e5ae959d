//! What `explain` and `attempts list` are told.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;

use super::bench::{Bench, TestStore, enrolment, gift, home, mail, on_postgres, on_sqlite, options, tp};
use super::vendors::{Act, LINK};
use crate::query::{Delivery, Rows, Whose, deliveries};

/// Every why has an answer and no secret in it; `read` reads the bench's store.
async fn answers<S: TestStore>(bench: Bench<S>, read: &impl Rows) -> Vec<Delivery> {
    bench.gifts.script(&[Act::LoseAnswer]);
    bench.mails.script(&[Act::Accept, Act::Lose]);
    bench.hear(gift(1, 25)).await;
    bench.run(Duration::from_mins(1)).await;
    bench.hear(mail(2)).await;
    bench.now().await;
    bench.unsubscribe("jonas@northwind.example").await;
    let told = deliveries(read, Whose::Home(&home())).await.unwrap();
    assert_eq!(told, deliveries(read, Whose::Enrolment(&enrolment().to_string())).await.unwrap());
    assert_eq!(deliveries(read, Whose::Enrolment("e-2")).await.unwrap(), []);
    assert_eq!(told.len(), 2);
    let states: Vec<_> =
        told[0].attempts.iter().map(|a| (a.step.as_str(), a.state.as_str(), a.vendor_id.as_str())).collect();
    let order = format!("TR-{}", &tp(1).to_string()[..8]);
    assert_eq!(states, [("order", "found", order.as_str()), ("notify", "accepted", "queued as 7")]);
    assert_eq!(told[0].conclusion.as_ref().unwrap().outcome, "delivered");
    // All checks are kept, also the order's that the mail does not ask.
    let notes: Vec<&str> = told[0].checks.iter().map(|check| check.note.as_str()).collect();
    assert!(notes.contains(&"0 USD of 100 USD used") && notes.contains(&"not suppressed"), "{notes:?}");
    assert!(!told[0].attempts[0].reason.is_empty(), "why the answer was lost is kept with what was found");
    assert!(told[0].recipient.expose().starts_with("Jonas"));
    assert!(!format!("{told:?}").contains(LINK) && !format!("{told:?}").contains("jonas"));
    let doubts = read.for_a_person(10).await.unwrap();
    assert_eq!(doubts.iter().map(|a| a.touchpoint).collect::<Vec<_>>(), [tp(2)]);
    let tenant = home().tenant();
    assert_eq!(read.for_a_person(0).await.unwrap(), []);
    let budgets = read.budgets(&tenant, "hubspot:33:9001").await.unwrap();
    assert_eq!((budgets.len(), budgets[0].spent_minor), (1, 2500));
    let hmac = afterglow_service::unsubscribe::address_hmac(
        &options().suppression_key,
        "acme",
        &"jonas@northwind.example".into(),
    );
    assert!(read.suppressed(&tenant, &hmac).await.unwrap().is_some());
    assert!(read.suppressed(&tenant, &[0; 32]).await.unwrap().is_none());
    told
}

#[tokio::test]
async fn every_why_has_an_answer_and_no_secret_in_it() {
    let bench = on_sqlite(CommitFaults::default()).await;
    let read = bench.store.readers().clone();
    answers(bench, &read).await;
}

#[tokio::test]
async fn on_postgres_every_answer_is_the_same() {
    let embedded = on_sqlite(CommitFaults::default()).await;
    let read = embedded.store.readers().clone();
    let told = answers(embedded, &read).await;
    let scaled = on_postgres(CommitFaults::default()).await;
    let read = scaled.store.readers().clone();
    assert_eq!(answers(scaled, &read).await, told);
}
