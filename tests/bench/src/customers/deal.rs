//! A deal of one customer, as the resolver says that it is won.

use std::borrow::Cow;

use afterglow_domain::{AccountKey, ConnectionId, DealKey, DealRef, HomeKey, Shard, Tenant, Timestamp};
use afterglow_durable::turns::Incoming;
use afterglow_events::{Body, Encoding, Envelope, Event, Received, Record, convert, identity, proto};

use super::START;
use crate::edge::webhook::PORTAL;

/// Who has won what when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Customer<'a> {
    /// Whose customer.
    pub(crate) tenant: &'a Tenant,
    /// Which of them.
    pub(crate) number: usize,
    /// When the deal is won.
    pub(crate) won_at: Timestamp,
    /// Where the customer is.
    pub(crate) local: &'a Local,
}

/// A place, as far as its time is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    /// The zone's name.
    zone: Cow<'static, str>,
    /// How many hours it is ahead of UTC, at the time of the deals.
    ahead_hours: i64,
    /// The country; empty where none has that time all over.
    country: &'static str,
}

/// Where the customers of the batches are.
const BERLIN: Local = Local { zone: Cow::Borrowed("Europe/Berlin"), ahead_hours: 1, country: "DE" };

impl Local {
    /// Where it is between noon and one o'clock: far from every midnight, within the hours in which people are
    /// reached.
    pub(crate) fn of_noon(now: Timestamp) -> Self {
        let hour = now.0.div_euclid(HOUR_US).rem_euclid(24);
        let ahead_hours = 12 - hour;
        // These zones are named by how far they are behind.
        let zone =
            if ahead_hours == 0 { "Etc/UTC".into() } else { format!("Etc/GMT{:+}", -ahead_hours).into() };
        Self { zone, ahead_hours, country: "" }
    }

    /// The zone's name.
    pub(crate) fn zone(&self) -> &str {
        &self.zone
    }

    /// The day at a time.
    fn day(&self, at: Timestamp) -> String {
        Timestamp(at.0 + self.ahead_hours * HOUR_US).to_string().chars().take(10).collect()
    }
}

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

impl<'a> Customer<'a> {
    /// One of a batch.
    pub(crate) fn of_batch(tenant: &'a Tenant, number: usize) -> Self {
        Self { tenant, number, won_at: START, local: &BERLIN }
    }

    fn account(&self) -> anyhow::Result<AccountKey> {
        Ok(AccountKey::hubspot(PORTAL, &(8_000_000_000 + self.number).to_string())?)
    }

    /// The key of all the deal's events.
    pub(crate) fn home(&self) -> anyhow::Result<HomeKey> {
        Ok(HomeKey::of_account(self.tenant, &self.account()?))
    }

    /// The event that the deal is won, as a consumer gets it.
    pub(crate) fn won(&self) -> anyhow::Result<Incoming> {
        let event = self.event()?;
        let record = event.to_record(Encoding::Protobuf);
        let partition = Shard::of(record.key_text()).partition(16);
        let received =
            Received { record, partition, offset: i64::try_from(self.number)?, taken_at: self.won_at };
        Ok(Incoming { event, received })
    }

    /// The same as a record for the log.
    pub(crate) fn record(&self) -> anyhow::Result<Record> {
        Ok(self.event()?.to_record(Encoding::Protobuf))
    }

    fn event(&self) -> anyhow::Result<Event> {
        let (account, home) = (self.account()?, self.home()?);
        let deal = DealRef {
            tenant: self.tenant.clone(),
            connection: ConnectionId::new("hub")?,
            deal: DealKey::hubspot(PORTAL, &(9_000_000_000 + self.number).to_string())?,
        };
        let message = proto::DealWon {
            deal: Some(self.snapshot(&deal, &account)),
            rev: 1,
            won_no: 1,
            occurred_at: Some(convert::timestamp(self.won_at)),
        };
        let body = Body::from(message);
        let id = identity::deal_event(body.type_name(), &deal, 1);
        Ok(Event { envelope: Envelope::of(id, "/afterglow/ingest", self.won_at, &home), body })
    }

    fn snapshot(&self, deal: &DealRef, account: &AccountKey) -> proto::DealSnapshot {
        let number = self.number;
        let day = self.local.day(self.won_at);
        let person = |id: usize, role: &str, name: &str| proto::Recipient {
            contact_id: id.to_string(),
            roles: vec![role.to_owned()],
            first_name: name.to_owned(),
            last_name: "Example".to_owned(),
            email: format!("{}.{number}@customer.example", name.to_lowercase()),
            country: self.local.country.to_owned(),
            language: "en".to_owned(),
            ..proto::Recipient::default()
        };
        proto::DealSnapshot {
            deal: Some(convert::deal_ref(deal)),
            name: format!("Platform for customer {number}"),
            account: account.to_string(),
            account_name: format!("Customer {number} Ltd"),
            owner: Some(proto::Recipient { roles: Vec::new(), ..person(501, "", "Olivia") }),
            contacts: vec![
                person(2 * number, "champion", "Ann"),
                person(2 * number + 1, "decision_maker", "Ben"),
            ],
            amount: Some(proto::Money { minor_units: 4_800_000, currency_code: "USD".to_owned() }),
            stage: "closedwon".to_owned(),
            status: proto::DealStatus::Won.into(),
            close_date: day.clone(),
            won_date: day,
            won_at: Some(convert::timestamp(self.won_at)),
            modified_at: Some(convert::timestamp(self.won_at)),
            deal_type: "newbusiness".to_owned(),
            zone: self.local.zone.clone().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somewhere_it_is_noon() {
        let local = Local::of_noon(START);
        assert_eq!((local.zone(), local.day(START)), ("Etc/GMT-4", "2026-03-02".to_owned()));
        let late = Timestamp(START.0 + 15 * HOUR_US);
        let local = Local::of_noon(late);
        assert_eq!((local.zone(), local.day(late)), ("Etc/GMT+11", "2026-03-02".to_owned()));
    }
}
