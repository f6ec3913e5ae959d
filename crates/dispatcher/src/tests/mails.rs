//! Mails and tasks: at most once, strict texts, consent.

use std::time::Duration;

use afterglow_durable::store::CommitFaults;
use afterglow_events::{Body, proto};

use super::bench::{Bench, TestStore, due, gift, mail, on_each, options, revoked, task, tp};
use super::vendors::Act;
use crate::{AttemptState, Resolution, Status, resolve};

const HOUR: Duration = Duration::from_hours(1);

on_each! {
    async fn a_mail_in_doubt_is_never_sent_again(bench) {
        bench.mails.script(&[Act::LoseAnswer, Act::Lose]);
        bench.hear(mail(1)).await;
        bench.now().await;
        bench.hear(mail(2)).await;
        bench.run(HOUR * 48).await;
        assert_eq!((bench.mails.effects().1, bench.mails.desk().calls.len()), (1, 2));
        for n in [1, 2] {
            assert!(bench.end(n).await.starts_with("failed: in doubt, not sent again"), "{}", bench.end(n).await);
        }
        let attempts = bench.store.ledgers().await.attempts;
        assert!(attempts.iter().all(|attempt| attempt.state == AttemptState::InDoubt));
        let id = crate::Attempt::id_of(tp(1), 1);
        resolve(&bench.store, &options(), &bench.dispatcher.clocks, id, Resolution::Sent).await.unwrap();
        bench.run(HOUR).await;
        assert_eq!(bench.mails.desk().calls.len(), 2);
        let ends = bench.published().await.into_iter().filter(|event| event == "failed").count();
        assert_eq!(ends, 2, "concluded once each, whatever a person finds later");
        bench.assert_sound().await;
    }

    async fn a_text_with_a_gap_fails_and_names_it(bench) {
        let mut message = mail(1);
        message.recipient.as_mut().unwrap().first_name = String::new();
        bench.hear(message).await;
        bench.now().await;
        let end = bench.end(1).await;
        assert!(end.starts_with("failed: template mails/value.md: recipient.first_name is missing"), "{end}");
        assert!(bench.mails.desk().calls.is_empty());
    }

    async fn a_gift_whose_text_has_a_gap_is_not_ordered(bench) {
        let mut message = gift(1, 25);
        message.recipient.as_mut().unwrap().first_name = String::new();
        bench.hear(message).await;
        bench.now().await;
        let end = bench.end(1).await;
        assert!(end.starts_with("failed: template") && end.contains("recipient.first_name is missing"), "{end}");
        assert!(bench.gifts.desk().calls.is_empty());
        bench.assert_sound().await;
    }

    async fn a_task_goes_to_the_owner_without_a_way_out(bench) {
        bench.unsubscribe("mia@acme.example").await;
        bench.hear(task(1)).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "delivered: ");
        let mail = String::from_utf8(bench.mails.desk().mails[0].clone()).unwrap();
        assert!(mail.contains("no address") && !mail.contains("List-Unsubscribe"), "{mail}");
    }

    async fn no_address_and_an_opted_out_one_are_refused(bench) {
        let mut message = mail(1);
        message.recipient.as_mut().unwrap().email = " ".to_owned();
        bench.hear(message).await;
        let mut message = mail(2);
        message.recipient.as_mut().unwrap().opted_out = true;
        bench.hear(message).await;
        bench.now().await;
        assert_eq!(bench.end(1).await, "refused: the recipient has no mail address in the CRM");
        assert!(bench.end(2).await.starts_with("refused: suppressed"));
    }

    async fn an_unsubscribed_address_gets_nothing_more(bench) {
        bench.unsubscribe(" Jonas@Northwind.example ").await;
        bench.unsubscribe("jonas@northwind.example").await;
        bench.hear(mail(1)).await;
        bench.hear(gift(2, 25)).await;
        bench.now().await;
        for n in [1, 2] {
            assert_eq!(bench.end(n).await, "refused: suppressed: unsubscribed (one click)");
        }
        assert_eq!((bench.gifts.desk().calls.len(), bench.mails.desk().calls.len()), (0, 0));
    }

    async fn nobody_is_mailed_on_old_knowledge(bench) {
        bench.hear(mail(1)).await;
        bench.dispatcher.claim_once().await.unwrap();
        assert_eq!((bench.row(1).await.status, bench.mails.desk().calls.len()), (Status::Waiting, 0));
        bench.run(HOUR).await;
        assert_eq!(bench.end(1).await, "delivered: ");
    }

    async fn a_day_that_is_over_is_over(bench) {
        bench.clock.advance(HOUR * 25);
        bench.hear(mail(1)).await;
        bench.hear(gift(2, 25)).await;
        bench.now().await;
        assert_eq!((bench.end(1).await, bench.end(2).await), ("failed: past its deadline".into(), "failed: past its deadline".into()));
        assert_eq!(bench.gifts.desk().calls.len() + bench.mails.desk().calls.len(), 0);
        bench.assert_sound().await;
    }

    async fn one_that_panics_is_postponed_and_its_neighbours_go_on(bench) {
        let mut message = mail(1);
        message.recipient.as_mut().unwrap().email = "poison@northwind.example".to_owned();
        bench.hear(message).await;
        bench.hear(mail(2)).await;
        bench.now().await;
        assert_eq!((bench.end(1).await.as_str(), bench.end(2).await.as_str()), ("", "delivered: "));
        bench.hear(revoked(1)).await;
        bench.run(HOUR * 2).await;
        assert!(bench.end(1).await.starts_with("revoked"));
        bench.assert_sound().await;
    }

    async fn what_breaks_the_contract_is_parked_and_its_neighbours_go_on(bench) {
        let nothing = proto::TouchpointDue { deed: None, ..mail(1) };
        bench.hear(nothing).await;
        let worthless = due(2, proto::touchpoint_due::Deed::Gift(proto::GiftDeed::default()));
        bench.hear(worthless).await;
        bench.hear(mail(3)).await;
        bench.now().await;
        assert_eq!(bench.end(3).await, "delivered: ");
        let parked = bench.events().await.into_iter().filter(|event| matches!(event.body, Body::DeadLetter(_)));
        assert_eq!((parked.count(), bench.store.ledgers().await.touchpoints.len()), (2, 1));
    }
}
