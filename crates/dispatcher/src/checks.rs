//! What is checked in the transaction of a claim, and in which order.
//!
//! Invariant: all are evaluated and stored; the first that does not pass is the reason.

use afterglow_domain::Timestamp;
use afterglow_events::proto::DeliveryCause;

use crate::case::Case;
use crate::gate::{Closed, Lane};
use crate::lag::LAG_MAX;
use crate::ledger::ADDRESS_UNKNOWN;
use crate::touchpoint::{Check, CheckKind, Step};
use crate::turn::Turn;

/// What a claim knows of the world outside the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Why and until when gifts cannot be ordered.
    pub(crate) gifts: Option<Closed>,
    /// Why and until when mails cannot be sent.
    pub(crate) mails: Option<Closed>,
    /// Whether unsubscriptions are read up to now.
    pub(crate) signals_fresh: bool,
}

impl World {
    pub(crate) fn closed(&self, lane: Lane) -> Option<&Closed> {
        match lane {
            Lane::Gifts => self.gifts.as_ref(),
            Lane::Mails => self.mails.as_ref(),
        }
    }
}

impl Case {
    /// Which kind of vendor the step under way needs.
    pub(crate) fn lane(&self) -> Lane {
        match self.touchpoint.state.step {
            Step::Order | Step::Link => Lane::Gifts,
            Step::Notify => Lane::Mails,
        }
    }

    /// When the vendor of the step under way takes calls again.
    pub(crate) fn vendor_free_at(&self, turn: &Turn<'_>, world: &World) -> Timestamp {
        world.closed(self.lane()).map_or(turn.wall, |closed| closed.until)
    }

    pub(crate) fn checks(&self, turn: &Turn<'_>, world: &World) -> Vec<Check> {
        let mut checks = vec![self.wanted(), self.in_time(turn), self.addressed(), self.consent(turn)];
        if !self.touchpoint.is_task() {
            let note = if world.signals_fresh { "read up to now".to_owned() } else { behind() };
            checks.push(Check { kind: CheckKind::Signals, passed: world.signals_fresh, note });
        }
        if self.touchpoint.state.step == Step::Order {
            checks.push(check(CheckKind::Budget, turn.room(&self.touchpoint)));
        }
        checks.push(self.vendor(world));
        checks
    }

    fn wanted(&self) -> Check {
        let revoked = self.touchpoint.state.revoked.clone();
        check(CheckKind::Wanted, revoked.map_or_else(|| Ok("not revoked".to_owned()), Err))
    }

    fn in_time(&self, turn: &Turn<'_>) -> Check {
        let deadline = self.touchpoint.deadline();
        let note = format!("deadline {deadline}");
        check(CheckKind::Deadline, if turn.journey <= deadline { Ok(note) } else { Err(note) })
    }

    fn addressed(&self) -> Check {
        let found = !self.touchpoint.address().is_empty();
        let result = if found { Ok("known") } else { Err("the recipient has no mail address in the CRM") };
        check(CheckKind::Address, result.map(str::to_owned).map_err(str::to_owned))
    }

    fn consent(&self, turn: &Turn<'_>) -> Check {
        let touchpoint = &self.touchpoint;
        let opted_out = touchpoint.due.recipient.as_ref().is_some_and(|recipient| recipient.opted_out);
        let result = if touchpoint.is_task() {
            Ok("our own staff".to_owned())
        } else if let Some(reason) = turn.suppressed(touchpoint) {
            Err(format!("suppressed: {reason}"))
        } else if opted_out {
            Err("suppressed: the CRM says that this person wants no mail".to_owned())
        } else {
            Ok("not suppressed".to_owned())
        };
        check(CheckKind::Consent, result)
    }

    /// Why an address takes no mail: nobody is there, or somebody wants none.
    pub(crate) fn no_consent(&self, turn: &Turn<'_>) -> DeliveryCause {
        match turn.suppressed(&self.touchpoint) {
            Some(ADDRESS_UNKNOWN) => DeliveryCause::AddressRefused,
            _ => DeliveryCause::Suppressed,
        }
    }

    fn vendor(&self, world: &World) -> Check {
        let closed = world.closed(self.lane()).map(|closed| closed.reason.clone());
        check(CheckKind::Vendor, closed.map_or_else(|| Ok("takes calls".to_owned()), Err))
    }
}

fn behind() -> String {
    format!("unsubscriptions are read with more than {} s delay", LAG_MAX.as_secs())
}

fn check(kind: CheckKind, result: Result<String, String>) -> Check {
    let passed = result.is_ok();
    let (Ok(note) | Err(note)) = result;
    Check { kind, passed, note }
}
