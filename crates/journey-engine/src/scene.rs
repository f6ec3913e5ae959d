//! Material for tests: a journey, deals and their events.

mod feed;
pub(crate) mod postgres;
mod world;

use std::collections::BTreeMap;

use afterglow_domain::{ConnectionId, DealKey, DealRef, HomeKey, Shard, Tenant, Timestamp};
use afterglow_events::{Body, Envelope, Event, convert, identity, proto};
use afterglow_journey::{Checked, load};

pub(crate) use world::{Dispatcher, Inspect, World, world_in_memory, world_on_sqlite};

/// Day 0 of every deal here, at noon UTC.
pub(crate) const DAY_0: &str = "2026-03-06T12:00:00Z";

/// Four gifts and a mail.
pub(crate) const FIVE: &str = "
  - {id: welcome, day: 1, not_after_day: 21, intent: welcome, gift: {worth: 25 USD, pick: coffee, mail: gift.md, mail_without_gift: mail.md}}
  - {id: first-week, day: 7, not_after_day: 14, if_we_start_late: skip, gift: {worth: 25 USD, pick: book, mail: gift.md}}
  - {id: how-is-it-going, day: 10, not_after_day: 20, intent: listen, mail: mail.md}
  - {id: first-month, day: 30, not_after_day: 45, gift: {worth: 50 USD, pick: any, mail: gift.md}}
  - {id: first-quarter, day: 90, not_after_day: 110, gift: {worth: 75 USD, pick: any, mail: gift.md}}
";

/// What is promised for each of [`FIVE`].
pub(crate) const FIVE_DAYS: [(&str, i32); 5] =
    [("welcome", 1), ("first-week", 7), ("how-is-it-going", 10), ("first-month", 30), ("first-quarter", 90)];

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon UTC of a day of the journey.
pub(crate) fn day(number: u64) -> Timestamp {
    at(DAY_0).plus(std::time::Duration::from_secs(number * 24 * 3600))
}

/// A journey called `name` whose mails greet with `greeting`.
pub(crate) fn journey(name: &str, greeting: &str) -> Checked {
    let source = format!(
        "
afterglow: 1
journey: {name}
day_0: close_date
recipient: [champion, primary_contact]
no_recipient: {{task: task.md}}
sending: {{default_zone: Europe/Berlin, send_at: \"09:30\"}}
limits: {{budget_per_customer: 400 USD}}
moments: {FIVE}"
    );
    let text = |body: &str| format!("Subject: {greeting}\n\n{body} [Stop]({{{{ unsubscribe.link }}}})\n");
    let files = BTreeMap::from([
        ("mail.md".to_owned(), text("Hi")),
        ("gift.md".to_owned(), text("[Gift]({{ gift.link }})")),
        ("task.md".to_owned(), "Subject: x\n\n{{ task.reason }}\n".to_owned()),
    ]);
    load("test.yaml", &source, &files)
        .unwrap_or_else(|findings| panic!("{}", afterglow_journey::render(&findings)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Won,
    Amended,
    Reopened,
    Lost,
    Deleted,
}

/// A deal that tells events of itself.
#[derive(Debug, Clone)]
pub(crate) struct Deal {
    pub(crate) home: HomeKey,
    pub(crate) snapshot: proto::DealSnapshot,
    pub(crate) won_no: i32,
    /// When its events are emitted.
    pub(crate) emitted: Timestamp,
}

impl Deal {
    /// A deal of the account 9001, won on day 0.
    pub(crate) fn new(id: &str) -> Self {
        let deal = DealRef {
            tenant: Tenant::new("acme").unwrap(),
            connection: ConnectionId::new("hub").unwrap(),
            deal: DealKey::hubspot(33, id).unwrap(),
        };
        let person = |id: &str, role: &str, email: &str| proto::Recipient {
            contact_id: id.to_owned(),
            roles: vec![role.to_owned()],
            first_name: "Ann".to_owned(),
            email: email.to_owned(),
            ..Default::default()
        };
        let snapshot = proto::DealSnapshot {
            deal: Some(convert::deal_ref(&deal)),
            name: format!("Deal {id}"),
            account: "hubspot:33:9001".to_owned(),
            account_name: "Northwind GmbH".to_owned(),
            owner: Some(person("7", "", "mia@vendor.example")),
            contacts: vec![
                person("11", "primary_contact", "p@x.example"),
                person("12", "champion", "c@x.example"),
            ],
            status: proto::DealStatus::Won.into(),
            close_date: "2026-03-06".to_owned(),
            won_date: "2026-03-06".to_owned(),
            modified_at: Some(convert::timestamp(at(DAY_0))),
            zone: "Europe/Berlin".to_owned(),
            ..Default::default()
        };
        Self { home: HomeKey::new("acme/hubspot:33:9001").unwrap(), snapshot, won_no: 1, emitted: at(DAY_0) }
    }

    /// The same deal on a home key of another shard class.
    pub(crate) fn elsewhere(id: &str) -> Self {
        let mut deal = Self::new(id);
        let here = Shard::of(deal.home.as_str()).class();
        let homes = (1..).map(|n| HomeKey::new(format!("acme/hubspot:33:{n}")).unwrap());
        deal.home = homes.into_iter().find(|home| Shard::of(home.as_str()).class() != here).unwrap();
        deal.home.local().clone_into(&mut deal.snapshot.account);
        deal
    }

    pub(crate) fn deal_ref(&self) -> DealRef {
        convert::from_deal_ref(self.snapshot.deal.as_ref()).unwrap()
    }

    pub(crate) fn closing(mut self, date: &str) -> Self {
        date.clone_into(&mut self.snapshot.close_date);
        self
    }

    pub(crate) fn event(&self, kind: Kind, rev: i64) -> Event {
        let (deal, won_no) = (Some(self.snapshot.clone()), self.won_no);
        let occurred_at = Some(convert::timestamp(self.emitted));
        let body: Body = match kind {
            Kind::Won => proto::DealWon { deal, rev, won_no, occurred_at }.into(),
            Kind::Amended => {
                proto::DealAmended { deal, rev, won_no, occurred_at, changed: Vec::new() }.into()
            }
            Kind::Reopened => proto::DealReopened { deal, rev, won_no, occurred_at }.into(),
            Kind::Lost => proto::DealLost { deal, rev, won_no, occurred_at }.into(),
            Kind::Deleted => proto::DealDeleted { deal, rev, won_no, occurred_at }.into(),
        };
        self.stamped(body, rev)
    }

    /// This deal went into another one.
    pub(crate) fn merged_into(&self, survivor: &Self, rev: i64, survivor_home_key: &str) -> Event {
        let merged = proto::DealMerged {
            deal: Some(survivor.snapshot.clone()),
            rev,
            won_no: self.won_no,
            occurred_at: Some(convert::timestamp(self.emitted)),
            merged: Some(convert::deal_ref(&self.deal_ref())),
            survivor_home_key: survivor_home_key.to_owned(),
        };
        self.stamped(merged.into(), rev)
    }

    fn stamped(&self, body: Body, rev: i64) -> Event {
        let id = identity::deal_event(body.type_name(), &self.deal_ref(), rev);
        let envelope = Envelope::of(id, "/afterglow/ingest", self.emitted, &self.home);
        Event { envelope, body }
    }
}
