//! Two deals become one: the loser's enrolments pass to the survivor, or are waived where it has its own.
//!
//! The event is on the loser's home key; the survivor may live on another one, whose shard is locked too
//! (see [`crate::reach`]). An enrolment that passes stays on its home key and follows the survivor's
//! events from then on. What the survivor is at that moment, the enrolment becomes.

use afterglow_domain::{AccountKey, DealRef, HomeKey};
use afterglow_durable::Error;
use afterglow_events::{convert, proto};
use afterglow_journey::Input;

use super::{Change, Turn};
use crate::codes;
use crate::facts::facts;
use crate::record::Cause;
use crate::rows::{DealRow, Standing};
use crate::waiting::{self, DealEvent};

/// The survivor's home key: the one that it has, or else the one that its first event is expected to have.
pub(crate) fn survivor_home(snapshot: &proto::DealSnapshot, survivor: &DealRef, known: &str) -> HomeKey {
    let of_tenant = |home: &HomeKey| home.tenant() == survivor.tenant;
    HomeKey::new(known).ok().filter(of_tenant).unwrap_or_else(|| {
        match AccountKey::new(snapshot.account.as_str()) {
            Ok(account) => HomeKey::of_account(&survivor.tenant, &account),
            Err(_) => HomeKey::of_deal(&survivor.tenant, &survivor.deal),
        }
    })
}

impl Turn<'_> {
    pub(super) fn merged(&mut self, event: &DealEvent) -> Result<(), Error> {
        let loser = &event.deal;
        let survivor =
            waiting::survivor(&event.body).filter(|(_, survivor, _)| survivor.tenant == loser.tenant);
        let Some((snapshot, survivor, known_home)) = survivor else {
            return Err(Error::Refused(format!(
                "{}: a merge of deal {loser} names no survivor",
                codes::RECORD
            )));
        };
        if let Some(row) = self.deals.get_mut(loser) {
            row.heard_of(self.stamp.wall);
            row.standing = Standing::Merged;
        }
        self.meet_survivor(&survivor, snapshot, known_home);
        let heard = self.clocks.journey_of(event.emitted);
        let traceparent = event.traceparent.as_deref();
        let cause = Cause { why: "the deal was merged into another one", traceparent };
        for id in self.enrolments_of(loser) {
            let journey = self.enrolments.get(&id).map(|entry| entry.row.journey.clone());
            let same = |other| self.enrolments.get(other).map(|entry| &entry.row.journey) == journey.as_ref();
            let survivor_enrolled = self.enrolments_of(&survivor).iter().any(same);
            if !survivor_enrolled {
                self.pass(id, loser, &survivor);
            }
            self.decide(id, &Input::Merged { survivor_enrolled }, cause)?;
            if !survivor_enrolled && let Some(input) = self.standing_as_input(&survivor, heard) {
                self.decide(id, &input, cause)?;
            }
        }
        self.learn_account(&survivor);
        Ok(())
    }

    /// The survivor's row, with the newer of the two readings.
    fn meet_survivor(&mut self, survivor: &DealRef, snapshot: &proto::DealSnapshot, known_home: &str) {
        let home = survivor_home(snapshot, survivor, known_home);
        let row =
            self.deals.entry(survivor.clone()).or_insert_with(|| DealRow::unheard(survivor.clone(), home));
        if row.rev == 0 {
            row.standing = match snapshot.status() {
                proto::DealStatus::Won => Standing::Won,
                proto::DealStatus::Lost => Standing::Lost,
                proto::DealStatus::Open | proto::DealStatus::Unspecified => Standing::Open,
            };
        }
        let modified =
            |snapshot: &proto::DealSnapshot| convert::from_timestamp(snapshot.modified_at.as_ref());
        let forgotten = row.details_removed.is_some();
        if row.rev == 0 || forgotten || modified(snapshot) > modified(&row.snapshot) {
            row.snapshot = snapshot.clone();
        }
        row.heard_of(self.stamp.wall);
        self.touched.insert(survivor.clone());
    }

    fn pass(&mut self, id: afterglow_domain::EnrolmentId, loser: &DealRef, survivor: &DealRef) {
        let Some(entry) = self.enrolments.get_mut(&id) else { return };
        entry.row.began_with.get_or_insert_with(|| loser.clone());
        entry.row.deal = survivor.clone();
        entry.change = Change::Whole;
        if let Some(ids) = self.by_deal.get_mut(loser) {
            ids.remove(&id);
        }
        self.by_deal.entry(survivor.clone()).or_default().insert(id);
    }

    /// What the survivor's last event would have told the enrolment. A survivor that is itself merged
    /// took part in a chain out of order, and counts as gone.
    fn standing_as_input(&self, survivor: &DealRef, heard: afterglow_domain::Timestamp) -> Option<Input> {
        let row = self.deals.get(survivor)?;
        Some(match row.standing {
            Standing::Won => Input::Won(facts(&row.snapshot, heard)),
            Standing::Open => Input::Reopened,
            Standing::Lost => Input::Lost,
            Standing::Deleted | Standing::Merged => Input::Deleted,
        })
    }
}
