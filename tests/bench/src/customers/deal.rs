//! A deal of one customer, as the resolver says that it is won.

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
    /// Where the customer's days begin.
    pub(crate) zone: &'static str,
}

impl<'a> Customer<'a> {
    /// One of a batch.
    pub(crate) fn of_batch(tenant: &'a Tenant, number: usize) -> Self {
        Self { tenant, number, won_at: START, zone: "Europe/Berlin" }
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
        let day = self.won_at.to_string().chars().take(10).collect::<String>();
        let person = |id: usize, role: &str, name: &str| proto::Recipient {
            contact_id: id.to_string(),
            roles: vec![role.to_owned()],
            first_name: name.to_owned(),
            last_name: "Example".to_owned(),
            email: format!("{}.{number}@customer.example", name.to_lowercase()),
            country: "DE".to_owned(),
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
            zone: self.zone.to_owned(),
        }
    }
}
