//! What happens to a touchpoint whose time has come: a call, a wait, an end, or a look after a call
//! that nobody heard the end of.
//!
//! Invariant: pure, except for writing into the case and the turn; a call leaves here only together
//! with its attempt.

use std::time::Duration;

use afterglow_domain::Sensitive;
use afterglow_events::proto::{DeliveryCause, StepState};
use afterglow_providers::{Class, Envelope, GiftVendor, Mailer, Rejection};

use crate::attempt::{Attempt, AttemptState};
use crate::case::Case;
use crate::checks::World;
use crate::job::{Call, GRACE, Job, Vendors};
use crate::touchpoint::{Check, CheckKind, Status, Step, Wait};
use crate::turn::Turn;
use crate::{codes, metric, render};

/// How soon the lag of the signals is looked at again.
const SIGNALS_RECHECK: Duration = Duration::from_secs(5);

/// How often, by the journey's clock, a budget is looked at again: it has room when a reservation is
/// given back, and in the new year.
const BUDGET_RECHECK: Duration = Duration::from_hours(6);

/// The shortest wall time between two looks at a budget, for sandboxes whose days are seconds.
const BUDGET_RECHECK_WALL_MIN: Duration = Duration::from_secs(1);

/// A row that contradicts itself is left alone for this long; the log has said so.
const CONTRADICTION: Duration = Duration::from_hours(1);

/// The stored name of whoever sends mails.
pub(crate) const MAIL_VENDOR: &str = "smtp";

impl Case {
    /// Decides; the call, if any, is made after the commit.
    pub(crate) fn decide<G: GiftVendor, M: Mailer>(
        &mut self,
        turn: &mut Turn<'_>,
        world: &World,
        vendors: &Vendors<'_, G, M>,
    ) -> Option<Job> {
        match self.touchpoint.status {
            Status::Waiting => self.claim(turn, world, vendors),
            Status::Calling => self.recover(turn, vendors),
            Status::InDoubt | Status::Concluded | Status::Tombstone => None,
        }
    }

    fn claim<G: GiftVendor, M: Mailer>(
        &mut self,
        turn: &mut Turn<'_>,
        world: &World,
        vendors: &Vendors<'_, G, M>,
    ) -> Option<Job> {
        let mut checks = self.checks(turn, world);
        self.remember(&checks);
        if let Some(why) = self.without_gift_because(turn, &checks) {
            if self.looked_too_early(turn) {
                self.look_again_later(turn);
                return None;
            }
            self.release(turn);
            self.touchpoint.state.without_gift = Some(why);
            self.touchpoint.state.step = Step::Notify;
            self.touchpoint.state.waits_for = None;
            checks = self.checks(turn, world);
            self.touchpoint.state.checks.extend(checks.iter().filter(|check| !check.passed).cloned());
        }
        if let Some(first) = checks.iter().find(|check| !check.passed) {
            self.turn_away(turn, world, first);
            return None;
        }
        match self.touchpoint.state.step {
            Step::Order => self.order(turn, vendors),
            Step::Link => Some(self.fetch_link(turn, vendors)),
            Step::Notify => self.notify(turn, vendors),
        }
    }

    /// Keeps the result of every check, also of those that only an earlier step asked: the newest of each.
    fn remember(&mut self, checks: &[Check]) {
        let kept = &mut self.touchpoint.state.checks;
        kept.retain(|old| !checks.iter().any(|new| new.kind == old.kind));
        kept.extend(checks.iter().cloned());
        kept.sort_by_key(|check| check.kind);
    }

    /// Why the mail goes without its gift, if it should: at once over the budget, at the last call
    /// where the vendor cannot be had.
    fn without_gift_because(&self, turn: &Turn<'_>, checks: &[Check]) -> Option<String> {
        let last_call = self.last_call(turn)?;
        let failed = |kind| checks.iter().find(|check| check.kind == kind && !check.passed);
        let unsendable = [CheckKind::Wanted, CheckKind::Deadline, CheckKind::Address, CheckKind::Consent];
        if unsendable.into_iter().any(|kind| failed(kind).is_some()) {
            return None;
        }
        if let Some(budget) = failed(CheckKind::Budget) {
            return Some(budget.note.clone());
        }
        let waited = match &self.touchpoint.state.waits_for {
            Some(Wait::Vendor(reason)) => Some(reason),
            _ => None,
        };
        let trouble = failed(CheckKind::Vendor).map(|check| &check.note).or(waited)?;
        (turn.journey >= last_call).then(|| format!("the vendor was down until the deadline: {trouble}"))
    }

    /// The first check that does not pass ends it, or makes it wait.
    fn turn_away(&mut self, turn: &mut Turn<'_>, world: &World, first: &Check) {
        let note = first.note.clone();
        let terminal = !matches!(first.kind, CheckKind::Signals | CheckKind::Budget | CheckKind::Vendor);
        if terminal && self.looked_too_early(turn) {
            return self.look_again_later(turn);
        }
        match first.kind {
            CheckKind::Wanted => self.end(turn, DeliveryCause::Revoked, &note),
            CheckKind::Deadline => self.end_late(turn),
            CheckKind::Address => self.end(turn, DeliveryCause::NoAddress, &note),
            CheckKind::Consent => self.end(turn, self.no_consent(turn), &note),
            CheckKind::Signals => {
                self.wait(turn, Some(Wait::Signals(note)), turn.wall.plus(SIGNALS_RECHECK));
            }
            CheckKind::Budget => {
                let pause = turn.wall_duration(BUDGET_RECHECK).max(BUDGET_RECHECK_WALL_MIN);
                self.wait(turn, Some(Wait::Budget(note)), turn.wall.plus(pause));
            }
            CheckKind::Vendor => {
                let until = self.vendor_free_at(turn, world);
                self.wait(turn, Some(Wait::Vendor(note)), until);
            }
        }
    }

    fn end_late(&mut self, turn: &mut Turn<'_>) {
        match self.touchpoint.state.waits_for.take() {
            Some(Wait::Budget(reason)) => self.end(turn, DeliveryCause::Budget, &reason),
            Some(Wait::Vendor(reason) | Wait::Signals(reason)) => {
                self.end(turn, DeliveryCause::Deadline, &format!("past its deadline; {reason}"));
            }
            None => self.end(turn, DeliveryCause::Deadline, "past its deadline"),
        }
    }

    fn order<G: GiftVendor, M: Mailer>(
        &mut self,
        turn: &mut Turn<'_>,
        vendors: &Vendors<'_, G, M>,
    ) -> Option<Job> {
        let gifts = vendors.gifts?;
        let bytes = match self.bytes_again() {
            Some((bytes, _)) => Ok(bytes),
            None => vendors
                .mailer
                .map_or(Ok(()), |mailer| render::rehearse(&self.touchpoint, turn, mailer))
                .and_then(|()| render::order(&self.touchpoint, turn.options, gifts)),
        };
        match bytes {
            Ok(bytes) => {
                turn.reserve(&mut self.touchpoint);
                Some(self.begin(turn, (gifts.name(), gifts.call_timeout()), Call::Order(bytes)))
            }
            Err(reason) => {
                self.end(turn, DeliveryCause::Content, &reason);
                None
            }
        }
    }

    fn notify<G: GiftVendor, M: Mailer>(
        &mut self,
        turn: &mut Turn<'_>,
        vendors: &Vendors<'_, G, M>,
    ) -> Option<Job> {
        let mailer = vendors.mailer?;
        let mail = match self.bytes_again() {
            Some((bytes, Some(envelope))) => Ok((envelope, bytes)),
            _ => render::mail(&self.touchpoint, turn, mailer),
        };
        match mail {
            Ok((envelope, bytes)) => {
                let vendor = (MAIL_VENDOR, mailer.call_timeout());
                Some(self.begin(turn, vendor, Call::Mail(envelope, bytes)))
            }
            Err(reason) => {
                self.end(turn, DeliveryCause::Content, &reason);
                None
            }
        }
    }

    fn fetch_link<G: GiftVendor, M: Mailer>(&mut self, turn: &Turn<'_>, vendors: &Vendors<'_, G, M>) -> Job {
        self.wake_at(turn, turn.wall.plus(vendors.lease()));
        self.job(Call::Link(self.touchpoint.state.gift.clone()))
    }

    /// The bytes of the step's last attempt, where it certainly did not act: they are sent again as
    /// they are, never rendered anew.
    fn bytes_again(&self) -> Option<(Sensitive<Vec<u8>>, Option<Envelope>)> {
        let attempt = self.attempt.as_ref()?;
        (attempt.step == self.touchpoint.state.step && attempt.state.did_not_act())
            .then(|| (attempt.request.clone(), attempt.envelope.clone()))
    }

    /// Writes the attempt that the call belongs to. An order may act from here on; a mail is only claimed,
    /// and says so itself before it leaves.
    fn begin(&mut self, turn: &Turn<'_>, (vendor, timeout): (&str, Duration), call: Call) -> Job {
        let (envelope, request) = call.stored();
        let mail = matches!(call, Call::Mail(..));
        if self.bytes_again().is_some() {
            let before = self.attempt.clone();
            self.superseded = before.map(|before| Attempt { request: Sensitive::default(), ..before });
        }
        let touchpoint = &mut self.touchpoint;
        let n = self.attempt.as_ref().map_or(1, |attempt| attempt.n + 1);
        let attempt = Attempt {
            id: Attempt::id_of(touchpoint.id, n),
            touchpoint: touchpoint.id,
            step: touchpoint.state.step,
            n,
            state: if mail { AttemptState::Claimed } else { AttemptState::InFlight },
            vendor: vendor.to_owned(),
            request,
            envelope,
            started_at: turn.wall,
            recover_after: turn.wall.plus(timeout + GRACE),
            ended_at: None,
            vendor_id: String::new(),
            reason: String::new(),
        };
        touchpoint.status = Status::Calling;
        self.wake = Some(attempt.recover_after);
        self.attempt = Some(attempt);
        self.attempt_changed = true;
        let attempt = self.attempt.as_ref().map(|attempt| attempt.id);
        Job { attempt, ..self.job(call) }
    }

    pub(crate) fn job(&self, call: Call) -> Job {
        let attempt = None;
        let traceparent = self.touchpoint.state.traceparent.clone();
        Job { touchpoint: self.touchpoint.id, shard: self.touchpoint.shard(), attempt, call, traceparent }
    }

    /// A call whose worker did not come back: its process died, or its answer could not be recorded.
    fn recover<G: GiftVendor, M: Mailer>(
        &mut self,
        turn: &mut Turn<'_>,
        vendors: &Vendors<'_, G, M>,
    ) -> Option<Job> {
        let attempt = self.attempt.as_ref()?;
        let running = matches!(attempt.state, AttemptState::Claimed | AttemptState::InFlight);
        if running && attempt.recover_after > turn.wall {
            self.wake = Some(attempt.recover_after);
            return None;
        }
        let id = attempt.id;
        match (attempt.step, attempt.state) {
            (Step::Order, AttemptState::InFlight) => {
                self.order_unknown(turn, "the answer was lost with the process that called");
            }
            (Step::Order, AttemptState::Unknown) => {}
            (Step::Notify, AttemptState::Claimed) => {
                self.mail_not_left(turn, "the process that was to send the mail ended before the mail left");
                return None;
            }
            (Step::Notify, AttemptState::InFlight) => {
                self.mail_in_doubt(turn, "the process that sent the mail ended before the answer");
                return None;
            }
            (step, state) => {
                tracing::error!(touchpoint = %self.touchpoint.id, step = step.as_str(), state = state.as_str(),
                    "touchpoint is under way, but its attempt is not; left alone for an hour");
                self.wake = Some(turn.wall.plus(CONTRADICTION));
                return None;
            }
        }
        self.wake = Some(turn.wall.plus(vendors.lease()));
        Some(Job { attempt: Some(id), ..self.job(Call::LookUp) })
    }

    /// Nobody knows whether the order worked: it stays set aside and is looked up.
    pub(crate) fn order_unknown(&mut self, turn: &mut Turn<'_>, reason: &str) {
        self.mark(turn, AttemptState::Unknown, reason);
        self.progress(turn, StepState::Unknown, reason);
    }

    /// A person has to decide what became of the attempt.
    pub(crate) fn in_doubt(&mut self, turn: &mut Turn<'_>, reason: &str) {
        self.mark(turn, AttemptState::InDoubt, reason);
        self.progress(turn, StepState::InDoubt, reason);
        if let Some(attempt) = &self.attempt {
            let step = attempt.step.as_str();
            metrics::counter!(metric::IN_DOUBT, "step" => step).increment(1);
            tracing::error!(code = codes::IN_DOUBT, attempt = %attempt.id, step, reason, "a person has to decide");
        }
    }

    /// The call ended in some way while the mail was only claimed: the same bytes go again.
    pub(crate) fn mail_not_left(&mut self, turn: &mut Turn<'_>, reason: &str) {
        self.rejected(turn, &Rejection { class: Class::Retry { after: None }, reason: reason.to_owned() });
    }

    /// Nobody knows whether the mail went, and nobody can look it up: it is not sent again, and a
    /// person sees it.
    pub(crate) fn mail_in_doubt(&mut self, turn: &mut Turn<'_>, reason: &str) {
        self.in_doubt(turn, reason);
        let id = self.attempt.as_ref().map(|attempt| attempt.id.to_string()).unwrap_or_default();
        self.end(turn, DeliveryCause::InDoubt, &format!("in doubt, not sent again (attempt {id}): {reason}"));
    }
}
