//! What a deal's events do: start, change, hold and end its journeys.

use std::collections::BTreeMap;

use afterglow_domain::{AccountKey, DealRef, HomeKey};
use afterglow_durable::Error;
use afterglow_events::{Body, convert, identity, proto};
use afterglow_journey::{Effect, Facts, Input, State, decide};

use super::{Change, Entry, Turn};
use crate::codes;
use crate::facts::facts;
use crate::journeys::VersionKey;
use crate::metric;
use crate::record::{Cause, Recorder, enrolment_of};
use crate::rows::{AccountLink, DealRow, EnrolmentRow, Standing};
use crate::waiting::{self, DealEvent};

impl Turn<'_> {
    /// Takes an event that came on a home key: now, later, or not again.
    pub(crate) fn deal_event(&mut self, event: DealEvent, home: &HomeKey) -> Result<(), Error> {
        let deal = event.deal.clone();
        let row =
            self.deals.entry(deal.clone()).or_insert_with(|| DealRow::unheard(deal.clone(), home.clone()));
        if row.rev == 0 && row.waiting.events().next().is_none() {
            row.home.clone_from(home);
        }
        if row.home != *home {
            let (code, known) = (codes::RECORD, &row.home);
            return Err(Error::Refused(format!(
                "{code}: deal {deal} lives on {known}, its event came on {home}"
            )));
        }
        let rev = event.rev;
        let ready = waiting::take(row, event).map_err(Error::Refused)?;
        if ready.is_empty() {
            let why = if rev > row.rev { "early" } else { "repeated" };
            metrics::counter!(metric::IGNORED, "why" => why).increment(1);
        }
        self.touched.insert(deal);
        ready.into_iter().try_for_each(|event| self.effect(event))
    }

    /// An event whose turn it is.
    fn effect(&mut self, mut event: DealEvent) -> Result<(), Error> {
        let (standing, snapshot, won_no) = match &mut event.body {
            Body::DealWon(m) => (Some(Standing::Won), m.deal.take(), m.won_no),
            Body::DealAmended(m) => (None, m.deal.take(), m.won_no),
            Body::DealReopened(m) => (Some(Standing::Open), m.deal.take(), m.won_no),
            Body::DealLost(m) => (Some(Standing::Lost), m.deal.take(), m.won_no),
            Body::DealDeleted(m) => (Some(Standing::Deleted), m.deal.take(), m.won_no),
            _ => return self.merged(&event),
        };
        let deal = &event.deal;
        let snapshot = snapshot.unwrap_or_default();
        let facts = facts(&snapshot, self.clocks.journey_of(event.emitted));
        if let Some(row) = self.deals.get_mut(deal) {
            row.heard_of(self.stamp.wall);
            row.standing = standing.unwrap_or(row.standing);
            row.snapshot = snapshot;
            row.won_no = won_no;
        }
        self.learn_account(deal);
        let traceparent = event.traceparent.as_deref();
        match &event.body {
            Body::DealWon(_) => self.won(deal, &facts, traceparent),
            Body::DealAmended(_) => {
                let cause = Cause { why: "the deal's dates changed", traceparent };
                self.decide_all(deal, &Input::Amended(facts), cause)
            }
            Body::DealReopened(_) => {
                self.decide_all(deal, &Input::Reopened, Cause { why: "the deal is open again", traceparent })
            }
            Body::DealLost(_) => {
                self.decide_all(deal, &Input::Lost, Cause { why: "the deal is lost", traceparent })
            }
            _ => self.decide_all(deal, &Input::Deleted, Cause { why: "the deal was deleted", traceparent }),
        }
    }

    fn decide_all(&mut self, deal: &DealRef, input: &Input, cause: Cause<'_>) -> Result<(), Error> {
        self.enrolments_of(deal).into_iter().try_for_each(|id| self.decide(id, input, cause))
    }

    /// Every journey that the deal is in goes on; every one that it is not in and that takes new deals
    /// begins, in its newest version.
    fn won(&mut self, deal: &DealRef, facts: &Facts, traceparent: Option<&str>) -> Result<(), Error> {
        let known = self.enrolments_of(deal);
        let cause = Cause { why: "the deal was won again", traceparent };
        let input = Input::Won(facts.clone());
        known.iter().try_for_each(|id| self.decide(*id, &input, cause))?;
        let journeys: Vec<VersionKey> =
            self.in_use.iter().filter(|(tenant, _, _)| *tenant == deal.tenant).cloned().collect();
        for version in journeys {
            let entered = |id| self.enrolments.get(id).is_some_and(|entry| entry.row.journey == version.1);
            if !known.iter().any(entered) {
                self.enrol(deal, &version, &input, cause)?;
            }
        }
        Ok(())
    }

    fn enrol(
        &mut self,
        deal: &DealRef,
        version: &VersionKey,
        input: &Input,
        cause: Cause<'_>,
    ) -> Result<(), Error> {
        let journey = self.journey(version)?;
        let Some(known) = self.deals.get_mut(deal) else { return Ok(()) };
        let decision = decide(&journey.definition, None, input, self.stamp.now);
        let Some(state) = decision.state else {
            self.decline(deal, version, &decision.effects, cause);
            return Ok(());
        };
        known.declined = None;
        let mut row = enrolment(known, version, state);
        row.traceparent = cause.traceparent.map(str::to_owned);
        let (stamp, output, snapshot) = (self.stamp, &mut self.output, &known.snapshot);
        Recorder { stamp, cause, journey: &journey, snapshot, row: &mut row, output }
            .record(None, &decision.effects)?;
        self.insert(Entry { row, in_store: None, change: Change::Whole });
        Ok(())
    }

    /// No journey, and why. Numbered by the win, of which there is one each.
    fn decline(
        &mut self,
        deal: &DealRef,
        (_, journey, version): &VersionKey,
        effects: &[Effect],
        cause: Cause<'_>,
    ) {
        let reason = effects.iter().find_map(|effect| match effect {
            Effect::NeverEnrolled { reason } => Some(reason.clone()),
            _ => None,
        });
        let (Some(reason), Some(row)) = (reason, self.deals.get_mut(deal)) else { return };
        metrics::counter!(metric::DECLINED, "journey" => journey.clone()).increment(1);
        row.declined = Some(reason.clone());
        let enrolment = identity::enrolment(journey, deal, 0);
        let event = proto::JourneyDeclined {
            enrolment: Some(enrolment_of(enrolment, journey, *version, deal)),
            reason,
            occurred_at: Some(convert::timestamp(self.stamp.now)),
        };
        let win = u32::try_from(row.won_no.saturating_sub(1)).unwrap_or(0);
        let id = identity::journey_event(enrolment, "afterglow.journey.declined.v1", win);
        self.output.publish(self.stamp, &row.home, cause.traceparent, (id, event));
    }

    /// The deal's account as last read: where signals find it, and under which name people look it up.
    pub(super) fn learn_account(&mut self, deal: &DealRef) {
        let Some(row) = self.deals.get(deal) else { return };
        let (account, name) = (row.snapshot.account.clone(), row.snapshot.account_name.clone());
        for id in self.by_deal.get(deal).into_iter().flatten() {
            let Some(entry) = self.enrolments.get_mut(id) else { continue };
            if let Ok(account) = AccountKey::new(account.as_str()) {
                let (tenant, home) = (deal.tenant.clone(), entry.row.home.clone());
                self.links.insert(AccountLink { tenant, account, home });
            }
            if (&entry.row.account, &entry.row.account_name) != (&account, &name) {
                entry.row.account.clone_from(&account);
                entry.row.account_name.clone_from(&name);
                entry.change = Change::Whole;
            }
        }
        if let Ok(account) = AccountKey::new(account) {
            let (tenant, home) = (deal.tenant.clone(), row.home.clone());
            self.links.insert(AccountLink { tenant, account, home });
        }
    }
}

fn enrolment(deal: &DealRow, (_, journey, version): &VersionKey, state: State) -> EnrolmentRow {
    EnrolmentRow {
        id: identity::enrolment(journey, &deal.deal, 0),
        home: deal.home.clone(),
        deal: deal.deal.clone(),
        began_with: None,
        journey: journey.clone(),
        version: *version,
        state,
        armed: None,
        counters: BTreeMap::new(),
        account: deal.snapshot.account.clone(),
        account_name: deal.snapshot.account_name.clone(),
        traceparent: None,
        ended_at: None,
        details_removed: None,
    }
}
