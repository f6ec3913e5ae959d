//! The screen, held by golden text.

use afterglow_domain::{Currency, EventId, HomeKey, Timestamp};
use afterglow_events::{Envelope, proto};

use super::*;

struct Sandbox;

impl Sandboxed for Sandbox {
    fn subject_of(&self, touchpoint: &str) -> Option<String> {
        Some(format!("Subject of {touchpoint}"))
    }

    fn gifts(&self) -> (Money, usize) {
        (Money::new(5000, Currency::USD), 0)
    }
}

const HOMES: [(&str, &str); 2] =
    [("demo/hubspot:1:401", "Northwind GmbH"), ("demo/salesforce:o:a", "Bluebird Labs")];

fn event(home: usize, body: impl Into<Body>) -> Event {
    let home = HomeKey::new(HOMES[home].0).unwrap();
    let id = EventId::from_slice(&[1; 16]).unwrap();
    Event { envelope: Envelope::of(id, "/test", Timestamp(0), &home), body: body.into() }
}

fn won(home: usize) -> Event {
    let deal = DealSnapshot { account_name: HOMES[home].1.to_owned(), ..Default::default() };
    event(home, proto::DealWon { deal: Some(deal), ..Default::default() })
}

fn enrolled(home: usize) -> Event {
    let of = proto::Enrolment { journey: "first-90-days".to_owned(), ..Default::default() };
    let promise = |moment: &str, day| proto::Promise {
        moment: moment.to_owned(),
        planned_at: Some(convert::timestamp(on_day(day))),
        ..Default::default()
    };
    let promises = vec![promise("welcome", 1), promise("first-week", 7)];
    event(home, JourneyEnrolled { enrolment: Some(of), promises, ..Default::default() })
}

fn of(moment: &str, day: i32, channel: Channel) -> proto::DeliveryOf {
    let touchpoint_id = format!("{moment}/{day}");
    proto::DeliveryOf {
        touchpoint_id,
        moment: moment.to_owned(),
        day,
        channel: channel.into(),
        ..Default::default()
    }
}

fn order(home: usize, moment: &str, day: i32, state: StepState) -> Event {
    let amount = Some(convert::money(Money::new(2500, Currency::USD)));
    event(
        home,
        DeliveryProgressed {
            of: Some(of(moment, day, Channel::Gift)),
            step: "order".to_owned(),
            state: state.into(),
            vendor: "tremendous".to_owned(),
            vendor_id: "TR-9C5A".to_owned(),
            amount,
            ..Default::default()
        },
    )
}

fn concluded(moment: &str, day: i32, channel: Channel) -> DeliveryConcluded {
    DeliveryConcluded {
        of: Some(of(moment, day, channel)),
        outcome: DeliveryOutcome::Delivered.into(),
        ..Default::default()
    }
}

/// An instant of a day, at which the live line is drawn.
fn on_day(day: i64) -> Timestamp {
    Timestamp(day * 86_400_000_000)
}

fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.0 / 86_400_000_000).unwrap()
}

fn closed(home: usize, moment: &str, outcome: ObligationOutcome) -> Event {
    let moment = moment.to_owned();
    event(home, ObligationClosed { moment, outcome: outcome.into(), ..Default::default() })
}

#[test]
fn a_story_reads_like_this() {
    let mut screen = Screen::new(Paint::Plain);
    let refused = DeliveryConcluded {
        outcome: DeliveryOutcome::Refused.into(),
        reason: "suppressed".to_owned(),
        ..concluded("value-1", 18, Channel::Mail)
    };
    let without = DeliveryConcluded {
        without_gift: "over the budget".to_owned(),
        ..concluded("first-month", 30, Channel::Gift)
    };
    let story = [
        won(0),
        won(1),
        enrolled(0),
        enrolled(1),
        order(0, "welcome", 1, StepState::Accepted),
        event(0, concluded("welcome", 1, Channel::Gift)),
        closed(0, "welcome", ObligationOutcome::Delivered),
        order(1, "first-week", 7, StepState::Unknown),
        order(1, "first-week", 7, StepState::Found),
        event(1, concluded("first-week", 7, Channel::Gift)),
        closed(1, "first-week", ObligationOutcome::Late),
        event(1, concluded("how-is-it-going", 10, Channel::Mail)),
        event(0, refused),
        closed(0, "first-week", ObligationOutcome::Waived),
        event(1, without),
        closed(1, "welcome", ObligationOutcome::Delivered),
    ];
    let mut lines: Vec<String> = story.iter().flat_map(|event| screen.on(event, &Sandbox)).collect();
    assert!(screen.finished());
    lines.push(screen.summary(&Sandbox, Money::new(50_000, Currency::USD)));
    lines.push(screen.live(on_day(45), day_of));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    day  0  both             journey first-90-days, 2 moments promised to each
    day  1  Northwind GmbH   welcome gift       Tremendous order TR-9C5A  $25.00        ✓ mail "Subject of welcome/1"
    day  7  Bluebird Labs    first-week gift    Tremendous did not answer               ! unknown: not ordering twice, looking it up
    day  7  Bluebird Labs    first-week gift    Tremendous order TR-9C5A  $25.00        ✓ found, ordered once; mail "Subject of first-week/7"
    day 10  Bluebird Labs    how is it going?   mail                                    ✓ "Subject of how-is-it-going/10"
    day 18  Northwind GmbH   value                                                      ✗ refused: suppressed
    day 30  Bluebird Labs    milestone gift     mail                                    ! no gift (over the budget); mail "Subject of first-month/30"
    4 moments promised · 3 delivered · 1 late · 1 missed · 0 twice · gifts $50.00 of $1,000.00
    day 45 ▕███████████████░░░░░░░░░░░░░░░▏
    "#);
}

#[test]
fn money_as_people_write_it() {
    let usd = |minor| dollars(Money::new(minor, Currency::USD));
    assert_eq!([usd(2500), usd(35_000), usd(4_800_000)], ["$25.00", "$350.00", "$48,000"]);
    assert_eq!(usd(100_000), "$1,000.00");
    assert_eq!(dollars(Money::new(2500, Currency::EUR)), "EUR 25.00");
}

#[test]
fn the_live_line_names_the_next_day_and_never_runs_behind_what_was_told() {
    let mut screen = Screen::new(Paint::Plain);
    for event in [won(0), enrolled(0)] {
        screen.on(&event, &Sandbox);
    }
    assert!(screen.live(on_day(0), day_of).starts_with("day  0 ▕░"));
    assert!(screen.live(on_day(0), day_of).ends_with("▏ next: day 1"));
    screen.on(&event(0, concluded("welcome", 1, Channel::Gift)), &Sandbox);
    screen.on(&closed(0, "welcome", ObligationOutcome::Delivered), &Sandbox);
    let live = screen.live(on_day(0), day_of);
    assert!(live.starts_with("day  1 ") && live.ends_with("▏ next: day 7"), "{live}");
}
