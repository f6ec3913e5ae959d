//! Why a touchpoint was not delivered, told so that a program can act on it; and what becomes of a gift
//! that is paid for and cannot be handed over, or that the vendor refuses.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use afterglow_events::Body;
use afterglow_events::proto::{self, DeliveryCause, touchpoint_due::Deed};
use afterglow_providers::{Class, OrderStatus};

use super::bench::{Bench, TestStore, gift, gift_or_mail, mail, on_each, options, revoked, task, tp};
use super::vendors::{Act, usd};
use crate::{Attempt, AttemptState, Resolution, Step, Unresolved, resolve};

const HOUR: Duration = Duration::from_hours(1);
const DAYS: Duration = Duration::from_hours(48);

/// The cause of a touchpoint's conclusion, as the contract carries it.
async fn cause<S: TestStore>(bench: &Bench<S>, n: u128) -> DeliveryCause {
    let events = bench.events().await;
    let told = events.iter().find_map(|event| match &event.body {
        Body::DeliveryConcluded(end) if end.of.as_ref()?.touchpoint_id == tp(n).to_string() => {
            Some(end.cause())
        }
        _ => None,
    });
    told.unwrap_or_else(|| panic!("touchpoint {n} is not concluded"))
}

/// The state and reason of the mail's attempt that a person has to look at.
async fn lost<S: TestStore>(bench: &Bench<S>, n: u128) -> Option<Attempt> {
    let attempts = bench.store.ledgers().await.attempts;
    let of_it = attempts.into_iter().filter(|attempt| attempt.touchpoint == tp(n));
    of_it.filter(|attempt| attempt.state.waits_for_a_person()).max_by_key(|attempt| attempt.n)
}

on_each! {
    async fn every_end_tells_its_cause(bench) {
        bench.hear(mail(1)).await;
        bench.now().await;
        bench.mails.script(&[Act::Reject(Class::Permanent)]);
        bench.hear(mail(2)).await;
        bench.now().await;
        let mut no_product = gift(3, 5);
        if let Some(Deed::Gift(gift)) = &mut no_product.deed {
            gift.mail.as_mut().unwrap().source = "Subject: x\n\n{{ deal.name }}\n".to_owned();
        }
        bench.hear(no_product).await;
        bench.hear(revoked(4)).await;
        bench.hear(mail(4)).await;
        bench.hear(proto::TouchpointDue { recipient: None, ..mail(5) }).await;
        let mut too_much = gift(6, 150);
        too_much.recipient.as_mut().unwrap().email = "max@northwind.example".to_owned();
        bench.hear(too_much).await;
        bench.now().await;
        bench.mails.script(&[Act::Reject(Class::BadAddress)]);
        bench.hear(mail(7)).await;
        bench.now().await;
        bench.hear(mail(8)).await;
        bench.now().await;
        let mut other = mail(9);
        other.recipient.as_mut().unwrap().email = "eve@northwind.example".to_owned();
        bench.unsubscribe("eve@northwind.example").await;
        bench.hear(other).await;
        bench.run(DAYS).await;
        bench.hear(mail(10)).await;
        bench.now().await;
        let mut causes = Vec::new();
        for n in 1..=10 {
            causes.push((cause(&bench, n).await, bench.row(n).await.state.conclusion.unwrap().outcome));
        }
        let causes: Vec<_> = causes.iter().map(|(cause, outcome)| (*cause, outcome.as_str())).collect();
        assert_eq!(causes, [
            (DeliveryCause::Unspecified, "delivered"),
            (DeliveryCause::VendorRefused, "failed"),
            (DeliveryCause::Content, "failed"),
            (DeliveryCause::Revoked, "revoked"),
            (DeliveryCause::NoAddress, "refused"),
            (DeliveryCause::Budget, "refused"),
            (DeliveryCause::AddressRefused, "refused"),
            (DeliveryCause::AddressRefused, "refused"),
            (DeliveryCause::Suppressed, "refused"),
            (DeliveryCause::Deadline, "failed"),
        ]);
        bench.assert_sound().await;
    }

    async fn a_paid_gift_whose_mail_is_refused_stands_in_the_list_until_it_is_dealt_with(bench) {
        bench.mails.script(&[Act::Reject(Class::BadAddress)]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        assert_eq!(cause(&bench, 1).await, DeliveryCause::AddressRefused);
        let attempt = lost(&bench, 1).await.expect("it stands in the list");
        assert_eq!((attempt.step, attempt.state, attempt.n), (Step::Notify, AttemptState::NotHandedOver, 2));
        assert!(attempt.reason.ends_with("vendor says bad address"), "{}", attempt.reason);
        let clocks = bench.dispatcher.clocks.clone();
        resolve(&bench.store, &options(), &clocks, attempt.id, Resolution::Sent).await.unwrap();
        assert_eq!(lost(&bench, 1).await, None);
        let again = resolve(&bench.store, &options(), &clocks, attempt.id, Resolution::NotSent).await;
        assert!(matches!(again, Err(Unresolved::NotInDoubt { .. })), "{again:?}");
        assert_eq!(bench.store.ledgers().await.budgets[0].spent_minor, usd(25).minor);
        bench.run(DAYS).await;
        assert_eq!((bench.gifts.effects().0, bench.mails.effects().1), (1, 0), "and nothing is sent after that");
        bench.assert_sound().await;
    }

    async fn who_unsubscribes_between_order_and_mail_gets_no_mail_and_a_person_hears_of_the_gift(bench) {
        bench.gifts.script(&[Act::NoLink]);
        bench.gifts.desk().lookup_down = true;
        bench.hear(gift_or_mail(1, 25)).await;
        bench.now().await;
        bench.unsubscribe("jonas@northwind.example").await;
        bench.gifts.desk().lookup_down = false;
        bench.run(HOUR).await;
        assert!(bench.end(1).await.starts_with("failed: the gift is ordered"), "{}", bench.end(1).await);
        assert_eq!(cause(&bench, 1).await, DeliveryCause::Suppressed);
        assert_eq!(bench.mails.desk().calls.len(), 0, "who wants no mail gets none");
        let attempt = lost(&bench, 1).await.expect("it stands in the list");
        assert!(attempt.request.expose().is_empty() && attempt.envelope.is_none(), "no mail was made");
        let clocks = bench.dispatcher.clocks.clone();
        resolve(&bench.store, &options(), &clocks, attempt.id, Resolution::NotSent).await.unwrap();
        assert_eq!(lost(&bench, 1).await, None);
        bench.assert_sound().await;
    }

    async fn a_gift_that_is_revoked_too_late_is_seen_too_and_one_in_doubt_is_listed_once(bench) {
        bench.gifts.script(&[Act::Pend]);
        bench.hear(gift(1, 25)).await;
        bench.now().await;
        bench.hear(revoked(1)).await;
        assert_eq!(lost(&bench, 1).await.map(|attempt| attempt.state), Some(AttemptState::NotHandedOver));
        assert_eq!(cause(&bench, 1).await, DeliveryCause::Revoked);
        bench.mails.script(&[Act::LoseAnswer]);
        bench.hear(gift(2, 25)).await;
        bench.now().await;
        assert_eq!(lost(&bench, 2).await.map(|attempt| attempt.state), Some(AttemptState::InDoubt));
        assert_eq!(cause(&bench, 2).await, DeliveryCause::InDoubt);
        bench.assert_sound().await;
    }

    async fn a_gift_that_the_vendor_refuses_for_good_becomes_a_mail(bench) {
        bench.gifts.script(&[Act::Reject(Class::Permanent)]);
        bench.hear(gift_or_mail(1, 25)).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "delivered: ");
        let row = bench.row(1).await;
        assert_eq!(row.state.without_gift.unwrap(), "the vendor refused the gift: vendor says permanent");
        let mail = String::from_utf8(bench.mails.desk().mails[0].clone()).unwrap();
        assert!(mail.contains("Subject: instead for Jonas") && !mail.contains("gift.example"), "{mail}");
        let budget = bench.store.ledgers().await.budgets[0].clone();
        assert_eq!((budget.reserved_minor, budget.spent_minor), (0, 0), "its money is released");
        bench.hear(gift(2, 100)).await;
        bench.now().await;
        assert_eq!(bench.end(2).await, "delivered: ", "and may be spent on another one");
        bench.assert_sound().await;
    }

    async fn an_order_that_is_void_at_the_vendor_becomes_a_mail_too(bench) {
        bench.gifts.script(&[Act::Pend]);
        bench.hear(gift_or_mail(1, 25)).await;
        bench.now().await;
        bench.gifts.desk().gifts.get_mut(&tp(1).to_string()).unwrap().1 = OrderStatus::Void;
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "delivered: ");
        assert_eq!(bench.store.ledgers().await.budgets[0].used_minor(), 0);
        bench.assert_sound().await;
    }

    async fn a_gift_refused_for_somebody_who_unsubscribed_sends_nothing(bench) {
        bench.gifts.script(&[Act::Reject(Class::Retry { after: Some(HOUR) }), Act::Reject(Class::Permanent)]);
        bench.hear(gift_or_mail(1, 25)).await;
        bench.now().await;
        bench.unsubscribe("jonas@northwind.example").await;
        bench.run(DAYS).await;
        assert!(bench.end(1).await.starts_with("refused: suppressed"), "{}", bench.end(1).await);
        assert_eq!(bench.mails.desk().calls.len(), 0);
        assert_eq!(lost(&bench, 1).await, None);
    }
}

/// A touchpoint whose text names everything that may be unknown.
fn about(n: u128, text: &str) -> proto::TouchpointDue {
    let mut message = mail(n);
    let source = format!("Subject: x\n\n{text} [Stop]({{{{ unsubscribe.link }}}})\n");
    if let Some(Deed::Mail(deed)) = &mut message.deed {
        deed.mail.as_mut().unwrap().source = source;
    }
    message
}

on_each! {
    async fn without_an_owner_the_company_signs_and_nobody_is_promised(bench) {
        let text = "By {{ owner.name }}, {{ owner.first_name }}, {{ owner.email }}; {{ sender.signature }}.";
        bench.hear(proto::TouchpointDue { owner: None, ..about(1, text) }).await;
        let mut no_address = about(2, text);
        no_address.owner.as_mut().unwrap().email.clear();
        bench.hear(no_address).await;
        bench.now().await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("delivered: ".into(), "delivered: ".into()));
        let mails = bench.mails.desk().mails.clone();
        let mails: Vec<_> = mails.into_iter().map(|mail| String::from_utf8(mail).unwrap()).collect();
        let [nobody, somebody] = mails.try_into().unwrap();
        assert!(nobody.contains("By Acme, Acme, hello@acme.example; Acme."), "{nobody}");
        assert!(somebody.contains("By Mia Weber, Mia, hello@acme.example; Mia Weber, Acme."), "{somebody}");
        for mail in [nobody, somebody] {
            assert!(!mail.contains("Reply-To"), "{mail}");
        }
    }

    async fn without_a_company_the_mail_has_neutral_words_and_the_task_the_deal(bench) {
        let [mut nameless, mut named] = [1, 2].map(|n| about(n, "For {{ account.name }}."));
        nameless.variables.insert("deal.name".to_owned(), "Renewal, last chance".to_owned());
        bench.hear(nameless).await;
        named.variables.insert("account.name".to_owned(), "Northwind".to_owned());
        bench.hear(named).await;
        let mut for_staff = task(3);
        for_staff.variables.insert("deal.name".to_owned(), "Renewal".to_owned());
        if let Some(Deed::Task(deed)) = &mut for_staff.deed {
            deed.task.as_mut().unwrap().source = "Subject: x\n\nFor {{ account.name }}.\n".to_owned();
        }
        bench.hear(for_staff).await;
        bench.now().await;
        let mails = bench.mails.desk().mails.clone();
        let said = |words: &str| mails.iter().filter(|mail| String::from_utf8_lossy(mail).contains(words)).count();
        assert_eq!((said("For your company."), said("For Northwind."), said("For Renewal.")), (1, 1, 1));
    }

    async fn a_variable_that_nobody_knows_still_fails_its_touchpoint(bench) {
        bench.hear(about(1, "{{ deal.name }}")).await;
        let mut nameless = mail(2);
        nameless.recipient.as_mut().unwrap().first_name.clear();
        bench.hear(nameless).await;
        bench.now().await;
        assert!(bench.end(1).await.contains("deal.name is missing"), "{}", bench.end(1).await);
        assert!(bench.end(2).await.contains("recipient.first_name is missing"), "{}", bench.end(2).await);
        assert_eq!(cause(&bench, 1).await, DeliveryCause::Content);
    }
}
