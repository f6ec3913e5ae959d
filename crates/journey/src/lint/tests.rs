use std::collections::BTreeMap;

use insta::assert_snapshot;

use crate::publish::tests::{Folder, shipped};
use crate::{CODES, Files, Finding, load, render};

/// The shipped journey with one text replaced by another.
fn altered(from: &str, to: &str) -> Vec<Finding> {
    let source = shipped().source;
    assert!(source.contains(from), "{from:?} is not in the shipped journey");
    findings(&source.replacen(from, to, 1))
}

fn findings(source: &str) -> Vec<Finding> {
    match load("first-90-days.yaml", source, &Folder::shipped()) {
        Ok(checked) => checked.warnings,
        Err(findings) => findings,
    }
}

fn short(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {}:{} {}", f.code, f.line, f.field, f.message)).collect()
}

#[test]
fn j014_is_the_screen_that_was_promised() {
    assert_snapshot!(render(&altered("worth: 75 USD", "worth: 475 USD")), @r"
    error[J014] gifts cost more than the budget                       first-90-days.yaml:35  moments[first-quarter].gift.worth
      35 |      gift: {worth: 475 USD, pick: recipient_chooses, mail: mails/first-quarter.md …
         |                    ^^^^^^^ the four gifts add up to 575 USD, budget_per_customer is 500 USD (line 17)
      Do: lower this gift to 400 USD or less, or raise limits.budget_per_customer to 575 USD.   1 error; nothing published (exit 1)
    ");
    assert_snapshot!(render(&altered("500 USD", "30 USD")), @r"
    error[J014] gifts cost more than the budget                       first-90-days.yaml:25  moments[first-week].gift.worth
      25 |      gift: {worth: 25 USD, pick: book, mail: mails/first-week.md, mail_without_gi …
         |                    ^^^^^^ the four gifts add up to 175 USD, budget_per_customer is 30 USD (line 17)
      Do: take gifts out, or raise limits.budget_per_customer to 175 USD.   1 error; nothing published (exit 1)
    ");
}

#[test]
fn keys_of_later_releases_are_refused_by_name() {
    for key in [
        "enroll_when: x",
        "holdout_percent: 10",
        "hold_back: []",
        "reactions: []",
        "silence: []",
        "stages: {}",
        "exits: []",
        "goals: []",
        "experiment: x",
        "new_start_after_days: 180",
    ] {
        let found = altered("retired_ids", &format!("{key}\nretired_ids"));
        let name = key.split(':').next().unwrap();
        assert_eq!(found.len(), 1, "{key}: {:?}", short(&found));
        assert_eq!((found[0].code, found[0].line), ("J005", 36), "{key}");
        assert_eq!(found[0].message, format!("`{name}` needs a later Afterglow"));
    }
    for (from, to) in [
        ("id: value-1, ", "id: value-1, only_in_stage: [usage], "),
        ("id: value-1, ", "id: value-1, if_missed: ask_owner, "),
        ("mail: mails/tip-1.md", "survey: surveys/x.md"),
        ("mail: mails/tip-1.md", "first_that_fits: []"),
        ("send_at: \"09:30\"", "send_at: \"09:30\"\n  weekdays: [mon]"),
        ("send_at: \"09:30\"", "send_at: \"09:30\"\n  quiet_from: \"18:00\""),
        ("500 USD", "500 USD\n  approval_above: 100 USD"),
        ("one_journey_per: deal", "one_journey_per: account"),
        ("owner: deal_owner}", "owner: deal_owner}\n  - {from_day: 91, owner: customer_success_manager}"),
        (
            "day: 18, intent: value, mail: mails/tip-1.md",
            "after: first_value, intent: value, mail: mails/tip-1.md",
        ),
    ] {
        let codes: Vec<_> = altered(from, to).iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["J005"], "{to}");
    }
}

#[test]
fn a_handover_names_the_key_that_asks_for_it() {
    for (to, field, what) in [
        (
            "{from_day: 91, owner: customer_success_manager}",
            "owners[1].owner",
            "owner: customer_success_manager",
        ),
        ("{from_day: 91, owner: deal_owner}", "owners[1].from_day", "from_day: 91"),
    ] {
        let found = altered("owner: deal_owner}", &format!("owner: deal_owner}}\n  - {to}"));
        assert_eq!((found[0].field.as_str(), found.len()), (field, 1));
        assert_eq!(found[0].message, format!("`{what}` needs a later Afterglow"));
    }
}

/// A text of the shipped journey, what it is replaced by, and what the linter says.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("day: 18,", "day: -1,", "J009 27:moments[value-1].day day -1 is not within 0 to 3650"),
    ("day: 18,", "day: 4000,", "J009 27:moments[value-1].day day 4000 is not within 0 to 3650"),
    ("day: 18,", "day: \"18\",", "J007 27:moments[value-1].day `18` is no whole number of days"),
    (
        "day: 18,",
        "day: 18, not_after_day: 17,",
        "J010 27:moments[value-1].not_after_day not after day 17, but it is planned for day 18",
    ),
    ("id: value-2", "id: value-1", "J011 30:moments[value-1].id `value-1` is the id of two moments"),
    (
        "id: value-2",
        "id: no-recipient",
        "J011 30:moments[no-recipient].id `no-recipient` is the id of the task under `no_recipient`",
    ),
    ("id: value-2", "id: value_2", "J011 30:moments[value_2].id `value_2` has an underscore"),
    (
        "retired_ids: []",
        "retired_ids: [value-2]",
        "J012 30:moments[value-2].id `value-2` is in retired_ids: it was another moment once",
    ),
    (
        "75 USD",
        "75 EUR",
        "J013 35:moments[first-quarter].gift.worth 75 EUR is not in USD, the currency of the budget",
    ),
    ("75 USD", "75", "J013 35:moments[first-quarter].gift.worth \"75\" is not money; write it as 25 USD"),
    ("75 USD", "0 USD", "J013 35:moments[first-quarter].gift.worth an amount above zero belongs here"),
    (
        "\"09:30\"",
        "18:00",
        "J016 15:sending.send_at 18:00 without quotes is the number of minutes to some YAML programs",
    ),
    ("\"09:30\"", "\"9:30\"", "J016 15:sending.send_at `9:30` is no time of day"),
    ("\"09:30\"", "\"25:00\"", "J016 15:sending.send_at `25:00` is no time of day"),
    (
        "Europe/Berlin",
        "Europe/Belrin",
        "J017 14:sending.default_zone `Europe/Belrin` is not in the zone database",
    ),
    (
        "mails/tip-1.md",
        "mails/tip-9.md",
        "J019 27:moments[value-1].mail mails/tip-9.md: No such file or directory (os error 2)",
    ),
    (
        "mails/tip-1.md",
        "../tip-1.md",
        "J028 27:moments[value-1].mail `../tip-1.md` is not a file beside the journey",
    ),
    (
        "mails/tip-1.md",
        "/etc/passwd",
        "J028 27:moments[value-1].mail `/etc/passwd` is not a file beside the journey",
    ),
    (
        "mail: mails/tip-1.md",
        "mail: mails/tip-1.md, task: tasks/add-a-contact.md",
        "J015 27:moments[value-1].mail the moment does more than one thing (a gift's mail belongs inside the gift)",
    ),
    (", mail: mails/tip-1.md", "", "J015 27:moments[value-1].mail the moment does nothing"),
    (
        "day: 18, intent: value",
        "day: 18",
        "J025 27:moments[value-1].intent why this moment exists is not said",
    ),
    (
        "day: 18, intent: value",
        "day: 18, intent: sell",
        "J008 27:moments[value-1].intent `sell` is not possible here",
    ),
    (
        "day: 55, not_after",
        "day: 37, not_after",
        "J023 31:moments[next-step].day a next step on day 37, a gift on day 30 (first-month)",
    ),
    (
        "day: 7, not_after",
        "day: 4, not_after",
        "J024 24:moments[first-week].day 3 days after the gift `welcome`",
    ),
    ("day: 42", "day: 30", "J029 30:moments[value-2].day `first-month` is planned for day 30 too"),
    ("afterglow: 1 ", "afterglow: 2 ", "J026 6:afterglow this program reads version 1 of the language"),
    ("journey: first-90-days", "journey: First", "J011 7:journey `First` is no name"),
    ("day_0: close_date ", "", "J006 1:day_0 `day_0` is missing"),
    (
        "recipient: [champion, decision_maker, primary_contact]",
        "recipient: []",
        "J006 11:recipient the list is empty or unreadable",
    ),
    (
        "recipient: [champion, decision_maker, primary_contact]",
        "recipient: &r [x]",
        "J002 11: anchors and aliases (`&`, `*`) are not part of this language",
    ),
];

#[test]
fn each_mistake_is_named_with_its_place() {
    for (from, to, expected) in MISTAKES {
        let found = altered(from, to);
        assert_eq!(short(&found), [*expected], "{to}");
        assert!(!found[0].remedy.is_empty());
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let source = shipped()
        .source
        .replace("09:30", "9:30")
        .replace("day: 18,", "day: x,")
        .replace("goal", "")
        .replace("moments:", "sents: 1\nmoments:");
    let codes: Vec<_> = findings(&source).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["J016", "J007", "J004"]);
}

#[test]
fn a_near_miss_gets_the_right_word() {
    assert_eq!(altered("send_at:", "sent_at:")[1].remedy, "did you mean `send_at`?");
}

#[test]
fn texts_are_checked_where_they_stand() {
    let checked = shipped();
    let mut files = checked.files.clone();
    let welcome = files.get_mut("mails/welcome.md").unwrap();
    *welcome = welcome.replace("{{ account.name }} had", "{{ company.name }} had");
    files.insert("mails/tip-1.md".to_owned(), "Hello\n".to_owned());
    let found = load("first-90-days.yaml", &checked.source, &files).unwrap_err();
    assert_snapshot!(render(&found), @r"
    error[J021] text does not fit its use                             mails/welcome.md:5
      5 | thank you for choosing {{ sender.company }}. Somebody at {{ company.name }} had t …
        | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the variable company.name does not exist
      Do: did you mean {{ account.name }}?

    error[J020] text cannot be read                                   mails/tip-1.md:1
      1 | Hello
        | ^^^^^ the first line is no subject
      Do: begin the file with `Subject: …`.   2 errors; nothing published (exit 1)
    ");
}

#[test]
fn too_many_moments_and_none() {
    let (head, _) =
        shipped().source.split_once("moments:").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let one = |at: usize| format!("  - {{id: m{at}, day: {at}, intent: value, mail: mails/tip-1.md}}\n");
    let many: String = (0..501).map(one).collect();
    assert_eq!(
        short(&findings(&format!("{head}moments:\n{many}"))),
        ["J018 21:moments 501 moments, at most 500 are possible"]
    );
    assert_eq!(findings(&format!("{head}moments: []\n"))[0].code, "J006");
    assert_eq!(findings(&format!("{head}moments: 5\n"))[0].code, "J007");
}

#[test]
fn a_budget_without_limits_is_500_usd() {
    let source = shipped().source.replace("limits:\n  budget_per_customer: 500 USD\n", "");
    let checked = load("x.yaml", &source, &Folder::shipped()).unwrap();
    assert_eq!(checked.definition.budget_per_customer.to_string(), "500 USD");
    let over = source.replace("75 USD", "475 USD");
    assert!(findings(&over)[0].message.ends_with("budget_per_customer is 500 USD (the default)"));
}

#[test]
fn the_smallest_journey_is_complete() {
    let source = "
afterglow: 1
journey: four-gifts
day_0: won_date
recipient: [primary_contact]
no_recipient: {task: t.md}
sending: {default_zone: Europe/Berlin, send_at: \"09:30\"}
moments:
  - {id: welcome, day: 1, gift: {worth: 25 USD, pick: coffee, mail: m.md}}
";
    let files = BTreeMap::from([
        ("t.md".to_owned(), "Subject: x\n\nx\n".to_owned()),
        ("m.md".to_owned(), "Subject: x\n\n[g]({{ gift.link }}) [u]({{ unsubscribe.link }})\n".to_owned()),
    ]);
    let checked = load("x.yaml", source, &files).unwrap();
    let welcome = &checked.definition.moments[0];
    assert_eq!((welcome.not_after_day, welcome.intent.as_str()), (8, "celebrate"));
    assert_eq!(checked.definition.start_not_after_day, 30);
    assert!(files.read("nothing.md").is_err());
}

#[test]
fn hostile_files_are_refused_and_never_panic() {
    for source in [
        "",
        "\u{0}",
        "{",
        "- - -",
        "a: {b: [c",
        "moments: {}",
        "? a\n: b",
        "\t",
        "&a [*a]",
        "%TAG ! x\n---\na",
        "a: |\n  x",
    ] {
        assert!(!findings(source).is_empty(), "{source:?}");
    }
}

#[test]
fn every_code_in_the_sources_is_in_the_table() {
    let sources = [
        include_str!("../lint.rs"),
        include_str!("texts.rs"),
        include_str!("../read.rs"),
        include_str!("../read/fields.rs"),
        include_str!("../read/moment.rs"),
        include_str!("../read/report.rs"),
        include_str!("../read/scalar.rs"),
        include_str!("../yaml.rs"),
    ];
    for (code, ..) in CODES {
        assert!(sources.iter().any(|source| source.contains(&format!("\"{code}\""))), "{code} is never used");
    }
    for source in sources {
        for (at, _) in source.match_indices("\"J0") {
            let code = &source[at + 1..at + 5];
            assert!(CODES.iter().any(|(known, ..)| *known == code), "{code} is not in the table");
        }
    }
}
