use super::*;
use crate::publish::tests::shipped;
use insta::assert_snapshot;
use jiff::civil::date;

fn closed(close: Date, won: Date) -> SimulationInput {
    SimulationInput { won_date: won, ..SimulationInput::closed_on(close) }
}

fn play(input: &SimulationInput) -> String {
    simulate(&shipped().definition, input).to_string()
}

#[test]
fn on_time_across_the_start_of_summer_time() {
    let timeline = simulate(&shipped().definition, &SimulationInput::closed_on(date(2026, 3, 6)));
    assert_eq!(timeline.kept_of_promised(), (11, 11));
    assert_eq!(timeline.gifts().to_string(), "175 USD");
    assert_snapshot!(timeline.to_string(), @r"
    day  1  2026-03-07 Sat 09:30  welcome          gift 25 USD + mails/welcome.md
    day  3  2026-03-09 Mon 09:30  getting-started  mails/getting-started.md
    day  7  2026-03-13 Fri 09:30  first-week       gift 25 USD + mails/first-week.md
    day 10  2026-03-16 Mon 09:30  how-is-it-going  mails/how-is-it-going.md
    day 18  2026-03-24 Tue 09:30  value-1          mails/tip-1.md
    day 30  2026-04-05 Sun 09:30  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-04-17 Fri 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-04-30 Thu 09:30  next-step        mails/join-the-community.md
    day 68  2026-05-13 Wed 09:30  value-3          mails/tip-2.md
    day 79  2026-05-24 Sun 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2026-06-04 Thu 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    11 of 11 promises kept · gifts 175 of 500 USD · longest silence 13 days
    ");
}

#[test]
fn twelve_days_late() {
    assert_snapshot!(play(&closed(date(2026, 3, 6), date(2026, 3, 18))), @r"
    day 12  2026-03-18 Wed 12:00  getting-started  waived                                past at the start
    day 12  2026-03-18 Wed 12:00  first-week       waived                                past at the start
    day 12  2026-03-18 Wed 12:00  how-is-it-going  waived                                past at the start
    day 13  2026-03-19 Thu 09:30  welcome          gift 25 USD + mails/welcome.md        day 1 was already past
    day 18  2026-03-24 Tue 09:30  value-1          mails/tip-1.md
    day 30  2026-04-05 Sun 09:30  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-04-17 Fri 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-04-30 Thu 09:30  next-step        mails/join-the-community.md
    day 68  2026-05-13 Wed 09:30  value-3          mails/tip-2.md
    day 79  2026-05-24 Sun 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2026-06-04 Thu 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    8 of 11 promises kept, 3 waived · gifts 150 of 500 USD · longest silence 13 days
    ");
}

#[test]
fn thirty_days_late_and_forty_days_late() {
    assert_snapshot!(play(&closed(date(2026, 3, 6), date(2026, 4, 5))), @r"
    day 30  2026-04-05 Sun 12:00  welcome          waived                                past at the start
    day 30  2026-04-05 Sun 12:00  getting-started  waived                                past at the start
    day 30  2026-04-05 Sun 12:00  first-week       waived                                past at the start
    day 30  2026-04-05 Sun 12:00  how-is-it-going  waived                                past at the start
    day 30  2026-04-05 Sun 12:00  value-1          waived                                past at the start
    day 30  2026-04-05 Sun 12:00  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-04-17 Fri 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-04-30 Thu 09:30  next-step        mails/join-the-community.md
    day 68  2026-05-13 Wed 09:30  value-3          mails/tip-2.md
    day 79  2026-05-24 Sun 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2026-06-04 Thu 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    6 of 11 promises kept, 5 waived · gifts 125 of 500 USD · longest silence 13 days
    ");
    assert_snapshot!(play(&closed(date(2026, 3, 6), date(2026, 4, 15))), @r"
    day 40  2026-04-15 Wed 12:00  -  no journey  day 0 was 40 days ago (2026-03-06), start_not_after_day is 30
    nothing is promised
    ");
}

#[test]
fn another_zone_moves_the_hour_and_never_the_date() {
    let mut input = SimulationInput::closed_on(date(2026, 10, 20));
    input.zone = Zone::new("America/New_York");
    assert_snapshot!(play(&input), @r"
    day  1  2026-10-21 Wed 09:30  welcome          gift 25 USD + mails/welcome.md
    day  3  2026-10-23 Fri 09:30  getting-started  mails/getting-started.md
    day  7  2026-10-27 Tue 09:30  first-week       gift 25 USD + mails/first-week.md
    day 10  2026-10-30 Fri 09:30  how-is-it-going  mails/how-is-it-going.md
    day 18  2026-11-07 Sat 09:30  value-1          mails/tip-1.md
    day 30  2026-11-19 Thu 09:30  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-12-01 Tue 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-12-14 Mon 09:30  next-step        mails/join-the-community.md
    day 68  2026-12-27 Sun 09:30  value-3          mails/tip-2.md
    day 79  2027-01-07 Thu 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2027-01-18 Mon 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    11 of 11 promises kept · gifts 175 of 500 USD · longest silence 13 days
    ");
}

#[test]
fn the_close_date_is_corrected_on_the_way() {
    let mut input = SimulationInput::closed_on(date(2026, 3, 6));
    input.changes = vec![(date(2026, 3, 20), Change::CloseDate(date(2026, 3, 1)))];
    assert_snapshot!(play(&input), @r"
    day  1  2026-03-07 Sat 09:30  welcome          gift 25 USD + mails/welcome.md
    day  3  2026-03-09 Mon 09:30  getting-started  mails/getting-started.md
    day  7  2026-03-13 Fri 09:30  first-week       gift 25 USD + mails/first-week.md
    day 10  2026-03-16 Mon 09:30  how-is-it-going  mails/how-is-it-going.md
    day 19  2026-03-20 Fri 12:00  value-1          moved to 2026-03-21                   day 0 changed
    day 19  2026-03-20 Fri 12:00  first-month      moved to 2026-03-31                   day 0 changed
    day 19  2026-03-20 Fri 12:00  value-2          moved to 2026-04-12                   day 0 changed
    day 19  2026-03-20 Fri 12:00  next-step        moved to 2026-04-25                   day 0 changed
    day 19  2026-03-20 Fri 12:00  value-3          moved to 2026-05-08                   day 0 changed
    day 19  2026-03-20 Fri 12:00  looking-ahead    moved to 2026-05-19                   day 0 changed
    day 19  2026-03-20 Fri 12:00  first-quarter    moved to 2026-05-30                   day 0 changed
    day 20  2026-03-21 Sat 09:30  value-1          mails/tip-1.md                        day 18 was already past
    day 30  2026-03-31 Tue 09:30  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-04-12 Sun 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-04-25 Sat 09:30  next-step        mails/join-the-community.md
    day 68  2026-05-08 Fri 09:30  value-3          mails/tip-2.md
    day 79  2026-05-19 Tue 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2026-05-30 Sat 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    11 of 11 promises kept · gifts 175 of 500 USD · longest silence 13 days
    ");
}

#[test]
fn reopened_won_again_and_lost() {
    let mut input = SimulationInput::closed_on(date(2026, 3, 6));
    input.changes = vec![
        (date(2026, 3, 10), Change::Reopened),
        (date(2026, 3, 25), Change::WonAgain),
        (date(2026, 4, 20), Change::Lost),
    ];
    assert_snapshot!(play(&input), @r"
    day  1  2026-03-07 Sat 09:30  welcome          gift 25 USD + mails/welcome.md
    day  3  2026-03-09 Mon 09:30  getting-started  mails/getting-started.md
    day  4  2026-03-10 Tue 12:00  -                held                               the deal is open again
    day 14  2026-03-20 Fri 24:00  first-week       waived                             the deal is open again
    day  0  2026-03-25 Wed 12:00  -                goes on                            the deal is won again
    day  0  2026-03-25 Wed 12:00  how-is-it-going  moved to 2026-04-04                day 0 changed
    day  0  2026-03-25 Wed 12:00  value-1          moved to 2026-04-12                day 0 changed
    day  0  2026-03-25 Wed 12:00  first-month      moved to 2026-04-24                day 0 changed
    day  0  2026-03-25 Wed 12:00  value-2          moved to 2026-05-06                day 0 changed
    day  0  2026-03-25 Wed 12:00  next-step        moved to 2026-05-19                day 0 changed
    day  0  2026-03-25 Wed 12:00  value-3          moved to 2026-06-01                day 0 changed
    day  0  2026-03-25 Wed 12:00  looking-ahead    moved to 2026-06-12                day 0 changed
    day  0  2026-03-25 Wed 12:00  first-quarter    moved to 2026-06-23                day 0 changed
    day  7  2026-04-01 Wed 09:30  first-week       gift 25 USD + mails/first-week.md
    day 10  2026-04-04 Sat 09:30  how-is-it-going  mails/how-is-it-going.md
    day 18  2026-04-12 Sun 09:30  value-1          mails/tip-1.md
    day 26  2026-04-20 Mon 12:00  first-month      waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  value-2          waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  next-step        waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  value-3          waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  looking-ahead    waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  first-quarter    waived                             the deal is lost
    day 26  2026-04-20 Mon 12:00  -                ends                               the deal is lost
    5 of 11 promises kept, 6 waived · gifts 50 of 500 USD · longest silence 23 days
    ");
}

#[test]
fn nobody_to_write_to() {
    let mut input = SimulationInput::closed_on(date(2026, 3, 6));
    input.contacts = Some(Vec::new());
    let ann = Contact {
        id: "ann".to_owned(),
        roles: vec!["decision_maker".to_owned()],
        obstacle: None,
        address: 0,
    };
    input.changes = vec![(date(2026, 3, 11), Change::Contacts(vec![ann]))];
    assert_snapshot!(play(&input), @r"
    day  1  2026-03-07 Sat 09:30  no-recipient     tasks/add-a-contact.md to the owner   the deal has no reachable contact who is champion or decision_maker or primary_contact
    day  6  2026-03-12 Thu 09:30  welcome          gift 25 USD + mails/welcome.md        the deal has no reachable contact who is champion or decision_maker or primary_contact
    day  7  2026-03-13 Fri 09:30  getting-started  mails/getting-started.md              one moment per day: another one went out
    day  8  2026-03-14 Sat 09:30  first-week       gift 25 USD + mails/first-week.md     one moment per day: another one went out
    day 10  2026-03-16 Mon 09:30  how-is-it-going  mails/how-is-it-going.md
    day 18  2026-03-24 Tue 09:30  value-1          mails/tip-1.md
    day 30  2026-04-05 Sun 09:30  first-month      gift 50 USD + mails/first-month.md
    day 42  2026-04-17 Fri 09:30  value-2          mails/how-others-use-it.md
    day 55  2026-04-30 Thu 09:30  next-step        mails/join-the-community.md
    day 68  2026-05-13 Wed 09:30  value-3          mails/tip-2.md
    day 79  2026-05-24 Sun 09:30  looking-ahead    mails/your-next-quarter.md
    day 90  2026-06-04 Thu 09:30  first-quarter    gift 75 USD + mails/first-quarter.md
    11 of 11 promises kept · gifts 175 of 500 USD · longest silence 13 days
    ");
}
