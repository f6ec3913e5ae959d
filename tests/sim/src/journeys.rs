//! Two small journeys that every deal enters: gifts and mails in between, and no more days than needed.

use std::collections::BTreeMap;

use afterglow_journey::{Checked, load};

const GIFTS: &str = r#"
afterglow: 1
journey: gifts
day_0: close_date
recipient: [primary_contact]
no_recipient: {task: task.md}
sending: {default_zone: Europe/Berlin, send_at: "09:30"}
limits: {budget_per_customer: 90 USD}
moments:
  - {id: welcome, day: 0, not_after_day: 4, intent: welcome, gift: {worth: 40 USD, pick: coffee, mail: gift.md, mail_without_gift: mail.md}}
  - {id: check-in, day: 2, not_after_day: 5, if_we_start_late: skip, intent: listen, mail: mail.md}
  - {id: milestone, day: 5, not_after_day: 9, intent: celebrate, gift: {worth: 30 USD, pick: any, mail: gift.md}}
  - {id: next-step, day: 13, intent: next_step, mail: mail.md}
"#;

const MAILS: &str = r#"
afterglow: 1
journey: mails
day_0: won_date
recipient: [champion, primary_contact]
no_recipient: {task: task.md}
sending: {default_zone: America/New_York, send_at: "18:00"}
limits: {budget_per_customer: 90 USD}
moments:
  - {id: hello, day: 1, not_after_day: 3, intent: welcome, mail: mail.md}
  - {id: thanks, day: 6, not_after_day: 8, intent: appreciate, gift: {worth: 25 USD, pick: any, mail: gift.md, mail_without_gift: mail.md}}
"#;

/// The journeys in one of their wordings: another wording is another version.
pub fn journeys(wording: u8) -> Vec<Checked> {
    let text =
        |body: &str| format!("Subject: Hello {wording}\n\n{body} [Stop]({{{{ unsubscribe.link }}}})\n");
    let files = BTreeMap::from([
        ("mail.md".to_owned(), text("Hi")),
        ("gift.md".to_owned(), text("[Gift]({{ gift.link }})")),
        ("task.md".to_owned(), "Subject: x\n\n{{ task.reason }}\n".to_owned()),
    ]);
    let read = |source: &str| {
        load("sim.yaml", source, &files)
            .unwrap_or_else(|found| panic!("{}", afterglow_journey::render(&found)))
    };
    vec![read(GIFTS), read(MAILS)]
}
