//! The page, held by golden text: a gift whose answer got lost, and customers who wait.

use std::time::Duration;

use afterglow_dispatcher::{Check, CheckKind, Conclusion, Status, Step, Wait};
use afterglow_domain::{
    AttemptId, ConnectionId, Currency, DealKey, DealRef, EnrolmentId, HomeKey, Sensitive, Tenant,
    TouchpointId,
};
use afterglow_ingest::store::Refresh;
use afterglow_journey::DayZero;
use afterglow_journey_engine::rows::Closed;
use jiff::civil::{DateTime, date};

use super::*;

fn zone() -> Zone {
    Zone::new("Europe/Berlin").unwrap()
}

/// An instant by Berlin's clock.
fn at(local: &str) -> Timestamp {
    let local: DateTime = local.parse().unwrap();
    zone().instant(local.date(), local.time())
}

fn deal() -> DealRef {
    DealRef {
        tenant: Tenant::new("acme").unwrap(),
        connection: ConnectionId::new("crm").unwrap(),
        deal: DealKey::salesforce("00D000000000001AAA", "006000000000001AAA").unwrap(),
    }
}

fn touchpoint(n: u8) -> TouchpointId {
    TouchpointId::from_slice(&[n; 16]).unwrap()
}

fn promise(moment: &str, day: i32, n: u8) -> Obligation {
    let planned = zone().instant(date(2026, 3, 6), jiff::civil::time(9, 30, 0, 0));
    let planned = planned.plus(Duration::from_hours(24 * u64::try_from(day).unwrap()));
    Obligation {
        moment: moment.to_owned(),
        occurrence: 0,
        day,
        planned,
        deadline: zone().instant(
            zone().date_of(planned.plus(Duration::from_hours(8 * 24))),
            jiff::civil::Time::midnight(),
        ),
        touchpoint: touchpoint(n),
        stands: Stands::Waiting { due: planned, reason: None },
    }
}

fn closed(of: Obligation, outcome: &'static str, reason: &str, on: &str) -> Obligation {
    let closed = Closed { outcome, reason: reason.to_owned(), at: at(on) };
    Obligation { stands: Stands::Closed(closed), ..of }
}

fn enrolment_of(obligations: Vec<Obligation>) -> Enrolment {
    let deal = deal();
    Enrolment {
        id: EnrolmentId::from_slice(&[9; 16]).unwrap(),
        home: HomeKey::of_deal(&deal.tenant, &deal.deal),
        deal,
        journey: ("first-90-days".to_owned(), 1),
        phase: "active",
        phase_reason: None,
        account: ("salesforce:00D000000000001AAA:001000000000001AAA".to_owned(), "Bluebird Labs".to_owned()),
        day_zero: date(2026, 3, 6),
        counted_from: DayZero::CloseDate,
        zone: zone(),
        next_due: None,
        details_removed: None,
        obligations,
    }
}

fn check(kind: CheckKind, passed: bool, note: &str) -> Check {
    Check { kind, passed, note: note.to_owned() }
}

fn delivery(n: u8, moment: &str) -> Delivery {
    Delivery {
        touchpoint: touchpoint(n),
        home: enrolment_of(Vec::new()).home,
        enrolment: "e".to_owned(),
        moment: moment.to_owned(),
        occurrence: 0,
        status: Status::Waiting,
        step: Step::Order,
        received_at: at("2026-03-13T09:30"),
        deadline: None,
        next_look_at: None,
        waits_for: None,
        recipient: Sensitive::from("Priya Shah"),
        checks: vec![
            check(CheckKind::Wanted, true, "not revoked"),
            check(CheckKind::Deadline, true, "deadline"),
            check(CheckKind::Address, true, "known"),
            check(CheckKind::Consent, true, "not suppressed"),
            check(CheckKind::Signals, true, "read up to now"),
            check(CheckKind::Budget, true, "25 USD of 500 USD used"),
            check(CheckKind::Vendor, true, "takes calls"),
        ],
        revoked: None,
        without_gift: None,
        worth: Some(Money::new(2500, Currency::USD)),
        reservation: None,
        conclusion: None,
        details_removed: None,
        attempts: Vec::new(),
    }
}

fn attempt(n: u32, step: Step, state: AttemptState, started: &str, ended: Option<&str>) -> AttemptView {
    AttemptView {
        id: AttemptId::from_slice(&[u8::try_from(n).unwrap(); 16]).unwrap(),
        touchpoint: touchpoint(2),
        step,
        n,
        state,
        vendor: if step == Step::Order { "tremendous" } else { "smtp" }.to_owned(),
        vendor_id: String::new(),
        started_at: at(started),
        ended_at: ended.map(at),
        reason: String::new(),
    }
}

fn lost_and_found() -> Delivery {
    let order =
        attempt(1, Step::Order, AttemptState::Found, "2026-03-13T09:30:01", Some("2026-03-13T09:31:02"));
    let mail =
        attempt(2, Step::Notify, AttemptState::Accepted, "2026-03-13T09:31:02", Some("2026-03-13T09:31:03"));
    let order = AttemptView {
        vendor_id: "TR-9C5A".to_owned(),
        reason: "Tremendous: connection lost before the answer".to_owned(),
        ..order
    };
    let mail = AttemptView { vendor_id: "smtp.example.net".to_owned(), ..mail };
    let end = Conclusion {
        outcome: "delivered".to_owned(),
        cause: String::new(),
        reason: String::new(),
        at: at("2026-03-13T09:31"),
        wall_at: None,
    };
    Delivery {
        status: Status::Concluded,
        attempts: vec![order, mail],
        conclusion: Some(end),
        ..delivery(2, "first-week")
    }
}

fn story() -> Enrolment {
    let refused = closed(promise("value-1", 18, 4), "waived", "suppressed", "2026-03-24T09:30");
    let again = Obligation { occurrence: 1, ..promise("value-1", 18, 5) };
    enrolment_of(vec![
        closed(promise("welcome", 1, 1), "late", "", "2026-03-09T10:00"),
        closed(promise("getting-started", 3, 6), "waived", "past at the start", "2026-03-06T12:00"),
        closed(promise("first-week", 7, 2), "delivered", "", "2026-03-13T09:31"),
        promise("how-is-it-going", 10, 3),
        refused,
        again,
    ])
}

fn page(of: &Enrolment, deliveries: &[Delivery], detail: &Detail) -> String {
    enrolment(of, deliveries, &[], detail).join("\n")
}

#[test]
fn a_gift_whose_answer_got_lost() {
    let detail = Detail::Moment("first-week".to_owned());
    insta::assert_snapshot!(page(&story(), &[lost_and_found()], &detail), @r"
    first-week   delivered on day 7, 2026-03-13 09:31 Europe/Berlin (planned 09:30, on time)
      09:30:00  due: day 7 after close date 2026-03-06 (Salesforce 006000000000001AAA, first-90-days version 1), not after 2026-03-20
      09:30:01  checks: running ✓ in time ✓ contact Priya Shah ✓ not suppressed ✓ unsubscriptions read ✓ budget 25 of 500 USD ✓ vendor ✓
      09:30:01  gift ordered at Tremendous as 02020202-0202-0202-0202-020202020202; connection lost before the answer, outcome unknown; not ordered again
      09:31:02  looked up 02020202-0202-0202-0202-020202020202: order TR-9C5A exists, 25 USD, once → mail sent, accepted by smtp (smtp.example.net)
    next: how-is-it-going on 2026-03-16.   Not sent so far: getting-started.   `explain --all` shows all 5.
    ");
}

#[test]
fn a_customer_who_waits() {
    let reason = "the vendor says: 402 Payment Required, the account holds 0 USD";
    let order =
        attempt(1, Step::Order, AttemptState::Rejected, "2026-03-13T09:30:01", Some("2026-03-13T09:30:02"));
    let waiting = Delivery {
        waits_for: Some(Wait::Vendor(reason.to_owned())),
        next_look_at: Some(at("2026-03-13T10:30")),
        attempts: vec![AttemptView { reason: reason.to_owned(), ..order }],
        ..delivery(2, "first-week")
    };
    let asked = at("2026-03-13T09:30");
    let stands = Stands::Emitted { asked, revoking: None };
    let of = enrolment_of(vec![
        Obligation { stands, ..promise("first-week", 7, 2) },
        Obligation {
            stands: Stands::Waiting {
                due: at("2026-03-17T09:30"),
                reason: Some("one moment per day: another one went out".to_owned()),
            },
            ..promise("how-is-it-going", 10, 3)
        },
    ]);
    insta::assert_snapshot!(page(&of, &[waiting], &Detail::All), @r"
    Bluebird Labs   acme/salesforce:00D000000000001AAA:opportunity:006000000000001AAA   first-90-days version 1, day 0 is 2026-03-06, active; times in Europe/Berlin
    first-week   under way since day 7, 2026-03-13 09:30 Europe/Berlin (planned 09:30): the vendor says: 402 Payment Required, the account holds 0 USD
      09:30:00  due: day 7 after close date 2026-03-06 (Salesforce 006000000000001AAA, first-90-days version 1), not after 2026-03-20
      09:30:01  checks: running ✓ in time ✓ contact Priya Shah ✓ not suppressed ✓ unsubscriptions read ✓ budget 25 of 500 USD ✓ vendor ✓
      09:30:01  gift not ordered at Tremendous: the vendor says: 402 Payment Required, the account holds 0 USD
                waits: the vendor says: 402 Payment Required, the account holds 0 USD; looked at again 2026-03-13 10:30
    how-is-it-going   waits for day 11, 2026-03-17 09:30 Europe/Berlin (planned 2026-03-16 09:30): one moment per day: another one went out
      09:30:00  due: day 10 after close date 2026-03-06 (Salesforce 006000000000001AAA, first-90-days version 1), not after 2026-03-23
    next: how-is-it-going on 2026-03-17.   Not sent so far: nothing.
    ");
}

#[test]
fn the_short_page_says_each_moment_once_where_it_counts() {
    insta::assert_snapshot!(page(&story(), &[lost_and_found()], &Detail::Short), @r"
    Bluebird Labs   acme/salesforce:00D000000000001AAA:opportunity:006000000000001AAA   first-90-days version 1, day 0 is 2026-03-06, active; times in Europe/Berlin
      welcome            late       2026-03-09 10:00
      getting-started    waived     2026-03-06 12:00  past at the start
      first-week         delivered  2026-03-13 09:31  gift TR-9C5A at tremendous, 25 USD, mail
      how-is-it-going    waits      2026-03-16 09:30
      value-1            waived     2026-03-24 09:30  suppressed
      value-1 (again, 1) waits      2026-03-24 09:30
    next: how-is-it-going on 2026-03-16.   Not sent so far: getting-started.   `explain --all` shows all 5.
    ");
}

#[test]
fn a_sandbox_whose_days_are_short_says_whose_clock_a_call_has() {
    let mut of = story();
    for promise in &mut of.obligations {
        promise.planned = promise.planned.plus(Duration::from_hours(24 * 100));
    }
    let text = page(&of, &[lost_and_found()], &Detail::Moment("first-week".to_owned()));
    assert!(text.contains("2026-03-13 09:30:01 (on the wall)  gift ordered"), "{text}");
}

#[test]
fn a_deal_that_the_crm_does_not_give_says_so() {
    let pending = Refresh {
        deal: deal(),
        generation: 1,
        due: at("2026-03-06T12:40"),
        claimed: false,
        failures: 3,
        rereads: 0,
        stage: None,
        since: at("2026-03-06T12:00"),
        traceparent: None,
        problem: Some("401 Unauthorized".to_owned()),
    };
    insta::assert_snapshot!(unread_deal(&pending), @"deal salesforce:00D000000000001AAA:opportunity:006000000000001AAA was announced at 2026-03-06 11:00 UTC and is not read at the CRM yet: next try at 2026-03-06 11:40 UTC, 3 tries failed: 401 Unauthorized");
    let fresh = Refresh { failures: 0, problem: None, ..pending };
    insta::assert_snapshot!(unread_deal(&fresh), @"deal salesforce:00D000000000001AAA:opportunity:006000000000001AAA was announced at 2026-03-06 11:00 UTC and is not read at the CRM yet: next try at 2026-03-06 11:40 UTC");
}

#[test]
fn a_deal_that_is_open_at_the_crm_says_what_it_waits_for() {
    let pending = None;
    let known = afterglow_ingest::store::KnownDeal {
        deal: deal(),
        home: None,
        state: afterglow_ingest::store::State::Open,
        rev: 0,
        won_no: 0,
        snapshot: serde_json::from_value(serde_json::json!({
            "deal": deal().deal, "name": "Seats", "account": null, "owner": null, "contacts": [],
            "amount": null, "amount_problem": null, "stage": "Prospecting", "status": "open",
            "close_date": null, "won_at": null, "deal_type": null, "modified": 0
        }))
        .unwrap(),
        modified: at("2026-03-06T12:00"),
        leaving_since: None,
        merged_into: None,
        read_at: at("2026-03-06T12:00"),
    };
    let view = afterglow_ingest::query::DealView { known, pending };
    assert_eq!(
        known_deal(&view, false).unwrap(),
        "deal salesforce:00D000000000001AAA:opportunity:006000000000001AAA was open when it was read at the CRM at 2026-03-06 11:00 UTC: its journey starts when it is won"
    );
    assert_eq!(known_deal(&view, true), None, "its journey has told everything already");
}

#[test]
fn a_customer_whose_details_are_removed_still_has_a_story() {
    let of = Enrolment {
        phase: "completed",
        details_removed: Some(at("2027-07-10T04:00:00")),
        ..enrolment_of(vec![closed(promise("welcome", 1, 1), "delivered", "", "2026-03-07T09:31")])
    };
    let text = page(&of, &[], &Detail::Short);
    assert!(
        text.contains("delivered  2026-03-07 09:31\n  details removed on 2027-07-10; what happened"),
        "{text}"
    );
}
