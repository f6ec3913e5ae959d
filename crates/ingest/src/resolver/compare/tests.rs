//! Every transition, reading by reading.

use super::*;
use crate::testing::{self, START, moved, won};

/// One deal under the eyes of `compare`.
struct Case {
    known: Option<KnownDeal>,
    now: Timestamp,
    rereads: u32,
    options: Options,
    deal: DealRef,
}

impl Case {
    fn new() -> Self {
        let (options, deal) = (Options::default(), testing::deal(1));
        Self { known: None, now: START, rereads: 0, options, deal }
    }

    fn judge(&mut self, reading: &Reading, hint: Option<&StageHint>) -> Verdict {
        let question = Question {
            deal: &self.deal,
            hint,
            rereads: self.rereads,
            zone: &TimeZone::UTC,
            options: &self.options,
            now: self.now,
        };
        let verdict = compare(self.known.as_ref(), reading, &question);
        self.known = verdict.known.clone().or(self.known.take());
        verdict
    }

    fn read(&mut self, snapshot: Snapshot) -> Verdict {
        self.judge(&Reading::Found(Box::new(snapshot)), None)
    }

    fn gone(&mut self) -> Verdict {
        self.judge(&Reading::Gone, None)
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Reads twice, `settle` apart: what a departure needs.
    fn settled(&mut self, snapshot: &Snapshot) -> Option<What> {
        assert_eq!(self.read(snapshot.clone()).what, None, "believed at once");
        self.wait(30);
        self.read(snapshot.clone()).what
    }

    fn numbers(&self) -> (i64, i32) {
        self.known.as_ref().map_or((0, 0), |known| (known.rev, known.won_no))
    }
}

#[test]
fn a_won_deal_is_told_once() {
    let mut case = Case::new();
    let verdict = case.read(won(1));
    assert_eq!((verdict.what, verdict.reread), (Some(What::Won), None));
    assert_eq!(case.numbers(), (1, 1));
    assert_eq!(case.known.as_ref().unwrap().home.as_ref().unwrap().as_str(), "acme/hubspot:33:9001");
    assert_eq!(case.read(won(1)).what, None);
    assert_eq!(case.numbers(), (1, 1));
}

#[test]
fn a_deal_that_was_never_won_tells_nothing_and_keeps_no_people() {
    let mut case = Case::new();
    let person = afterglow_crm::Person { id: "7".into(), first_name: None, last_name: None, email: None };
    for stage in ["sent", "closedlost", "sent"] {
        let snapshot = Snapshot { owner: Some(person.clone()), ..moved(1, stage, 1) };
        assert_eq!(case.read(snapshot).what, None, "{stage}");
    }
    let known = case.known.clone().unwrap();
    assert_eq!((known.state, known.home, known.snapshot.owner), (State::Open, None, None));
    assert_eq!(case.gone().what, None);
    assert_eq!(case.known.as_ref().unwrap().state, State::Deleted);
    let restored = Snapshot { owner: Some(person.clone()), ..moved(1, "closedwon", 9) };
    assert_eq!(case.read(restored).what, Some(What::Won));
    assert_eq!(case.known.unwrap().snapshot.owner, Some(person));
}

#[test]
fn leaving_the_won_stage_needs_a_second_look_after_settling() {
    let mut case = Case::new();
    case.read(won(1));
    let verdict = case.read(moved(1, "sent", 5));
    assert_eq!((verdict.what, verdict.reread), (None, Some(Duration::from_secs(30))));
    case.wait(10);
    let early = case.read(moved(1, "sent", 5));
    assert_eq!((early.what, early.reread), (None, Some(Duration::from_secs(20))), "another hint's look");
    case.wait(20);
    assert_eq!(case.read(moved(1, "sent", 5)).what, Some(What::Reopened));
    assert_eq!(case.numbers(), (2, 1));
}

#[test]
fn a_ping_pong_within_settling_is_nothing() {
    let mut case = Case::new();
    case.read(won(1));
    case.read(moved(1, "sent", 5));
    case.wait(30);
    let back = case.read(moved(1, "closedwon", 10));
    assert_eq!((back.what, back.reread), (None, None));
    assert_eq!(case.numbers(), (1, 1));
    assert_eq!(case.known.unwrap().leaving_since, None);
}

#[test]
fn a_win_counts_again_only_after_an_end_that_was_told() {
    let mut case = Case::new();
    case.read(won(1));
    assert_eq!(case.settled(&moved(1, "closedlost", 10)), Some(What::Lost));
    assert_eq!(case.read(moved(1, "sent", 20)).what, Some(What::Reopened));
    assert_eq!(case.read(moved(1, "closedwon", 30)).what, Some(What::Won));
    assert_eq!(case.numbers(), (4, 2));
    assert_eq!(case.gone().what, None);
    case.wait(30);
    assert_eq!(case.gone().what, Some(What::Deleted));
    assert_eq!(case.gone().what, None, "told once");
    assert_eq!(case.read(moved(1, "closedwon", 40)).what, Some(What::Won));
    assert_eq!(case.numbers(), (6, 3));
}

#[test]
fn an_older_answer_changes_nothing_and_is_asked_again() {
    let mut case = Case::new();
    case.read(won(1));
    case.read(moved(1, "sent", 50));
    case.wait(30);
    let stale = case.read(moved(1, "closedwon", 10));
    assert_eq!((stale.what.clone(), stale.lagging), (None, true));
    assert_eq!(stale.reread, Some(Duration::from_secs(10)));
    assert!(case.known.as_ref().unwrap().leaving_since.is_some(), "the departure still waits");
    case.rereads = 9;
    assert_eq!(case.read(won(1)).reread, Some(Duration::from_mins(10)), "as long as it waits");
    assert_eq!(case.read(moved(1, "sent", 50)).what, Some(What::Reopened));
    assert_eq!(case.read(won(1)).reread, None, "nothing waits, the patience is used up");
}

#[test]
fn a_hint_that_is_newer_than_the_answer_asks_again_and_then_gives_up() {
    let mut case = Case::new();
    let newer = StageHint { stage: "closedwon".into(), at: START };
    for (rereads, expected) in [(0, Some(10)), (1, Some(60)), (2, Some(600)), (3, None)] {
        case.rereads = rereads;
        let open = Reading::Found(Box::new(moved(1, "sent", 1)));
        let verdict = case.judge(&open, Some(&newer));
        assert_eq!(verdict.reread, expected.map(Duration::from_secs));
        assert!(verdict.lagging && verdict.what.is_none());
    }
    case.rereads = 0;
    let older = StageHint { stage: "closedwon".into(), at: START.minus(Duration::from_mins(10)) };
    assert!(!case.judge(&Reading::Found(Box::new(moved(1, "sent", 1))), Some(&older)).lagging);
    let mut unseen = Case::new();
    assert_eq!(unseen.judge(&Reading::Gone, Some(&newer)).reread, Some(Duration::from_secs(10)));
    assert_eq!(unseen.gone(), Verdict::default());
}

#[test]
fn only_what_matters_is_an_amendment() {
    let mut case = Case::new();
    case.read(won(1));
    let quiet = Snapshot { deal_type: Some("renewal".into()), stage: "won2".into(), ..won(1) };
    assert_eq!(case.read(quiet).what, None);
    let zoned = Snapshot { won_at: Some(START.plus(Duration::from_mins(1))), ..won(1) };
    assert_eq!(case.read(zoned).what, None, "the same day");
    let changed =
        Snapshot { account: Some(testing::account(1)), amount: None, name: "Renamed".into(), ..won(1) };
    assert_eq!(case.read(changed).what, Some(What::Amended(vec!["amount", "account", "name"])));
    assert_eq!(case.numbers(), (2, 1));
    assert_eq!(case.known.unwrap().home.unwrap().as_str(), "acme/hubspot:33:9001", "frozen");
}

#[test]
fn a_win_without_a_time_keeps_the_first_one_it_had() {
    let mut case = Case::new();
    case.read(Snapshot { won_at: None, ..won(1) });
    let first = case.known.as_ref().unwrap().snapshot.won_at;
    assert_eq!(first, Some(won(1).modified));
    let later = Snapshot { won_at: None, modified: START.plus(Duration::from_hours(216)), ..won(1) };
    assert_eq!(case.read(later).what, None);
    assert_eq!(case.known.unwrap().snapshot.won_at, first);
}

#[test]
fn a_merge_is_told_on_the_deal_that_vanished() {
    let mut survivor = Case::new();
    survivor.deal = testing::deal(2);
    survivor.read(won(2));
    let survivor = survivor.known.unwrap();
    let mut case = Case::new();
    case.read(won(1));
    let question = Question {
        deal: &case.deal,
        hint: None,
        rereads: 0,
        zone: &TimeZone::UTC,
        options: &case.options,
        now: case.now,
    };
    let verdict = merged(case.known.as_ref(), &survivor, &won(2), &question);
    assert_eq!(verdict.what, Some(What::Merged(survivor.home.clone())));
    let row = verdict.known.unwrap();
    assert_eq!((row.rev, row.merged_into.clone()), (2, Some(testing::key(2))));
    assert_eq!(merged(Some(&row), &survivor, &won(2), &question).what, None, "told once");
    assert_eq!(compare(Some(&row), &Reading::Gone, &question).what, None, "its end was told");
    let unknown = merged(None, &survivor, &won(2), &question);
    assert_eq!(unknown.what, None, "nobody heard of it");
    assert_eq!(unknown.known.unwrap().merged_into, Some(testing::key(2)));
}
