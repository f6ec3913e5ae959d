//! The decision: what is known, what was read, and so what became of the deal. Pure.
//!
//! At most one event follows from one reading, since every event carries the whole snapshot. Leaving
//! the won stage is believed only when a second reading, `settle` later, still says so: until then the
//! known deal stays as it was published. A snapshot that is older than one already read changes nothing.

use std::time::Duration;

use afterglow_crm::{Reading, Snapshot, Status};
use afterglow_domain::{DealRef, HomeKey, Timestamp};
use jiff::tz::TimeZone;

use super::Options;
use crate::store::{KnownDeal, StageHint, State};

/// What was asked, and by which rules the answer is judged.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The deal asked for.
    pub deal: &'a DealRef,
    /// The newest stage that a hint named.
    pub hint: Option<&'a StageHint>,
    /// How often the answer already disagreed with the hints.
    pub rereads: u32,
    /// The connection's zone.
    pub zone: &'a TimeZone,
    /// `settle` and `rereads`.
    pub options: &'a Options,
    /// Now, on the wall.
    pub now: Timestamp,
}

/// What became of a deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It entered a won stage.
    Won,
    /// These fields changed.
    Amended(Vec<&'static str>),
    /// It is open again.
    Reopened,
    /// It is lost.
    Lost,
    /// It is gone.
    Deleted,
    /// It is another deal now; with that one's home key, if it has one.
    Merged(Option<HomeKey>),
}

/// What follows from a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What to publish, about `known` and with its `rev`.
    pub what: Option<What>,
    /// What is known from now on; `None` leaves it as it was.
    pub known: Option<KnownDeal>,
    /// When to read once more.
    pub reread: Option<Duration>,
    /// The answer was older than the hint or than an earlier answer.
    pub lagging: bool,
}

/// Decides on the answer to a question about a deal. A snapshot of another deal is a merge and not
/// decided here: see [`merged`].
pub fn compare(known: Option<&KnownDeal>, reading: &Reading, question: &Question<'_>) -> Verdict {
    let lagging = lags(known, reading, question);
    let mut verdict = match reading {
        Reading::Found(snapshot) if known.is_some_and(|known| snapshot.modified < known.modified) => {
            Verdict { known: known.map(|known| looked(known, question)), ..Verdict::default() }
        }
        Reading::Found(snapshot) => found(known, snapshot, question),
        Reading::Gone => gone(known, question),
    };
    verdict.lagging = lagging;
    if lagging {
        let leaving = known.is_some_and(|known| known.leaving_since.is_some());
        verdict.reread = soonest(verdict.reread, next_reread(question, leaving));
    }
    verdict
}

/// Decides where the CRM answered with another deal: the one asked for was merged into it. The survivor
/// must be known already, so that its home key can be told.
pub fn merged(
    known: Option<&KnownDeal>,
    survivor: &KnownDeal,
    snapshot: &Snapshot,
    question: &Question<'_>,
) -> Verdict {
    if known.is_some_and(|known| known.merged_into.is_some()) {
        return Verdict { known: known.map(|known| looked(known, question)), ..Verdict::default() };
    }
    let base =
        known.cloned().unwrap_or_else(|| unpublished(snapshot, State::from(snapshot.status), question));
    let what = (base.rev > 0).then(|| What::Merged(survivor.home.clone()));
    let snapshot =
        if what.is_some() { carried(snapshot, Some(&survivor.snapshot)) } else { base.snapshot.clone() };
    let row = KnownDeal {
        merged_into: Some(survivor.deal.deal.clone()),
        leaving_since: None,
        read_at: question.now,
        rev: base.rev + i64::from(what.is_some()),
        snapshot,
        ..base
    };
    Verdict { what, known: Some(row), ..Verdict::default() }
}

/// Whether the CRM's answer is older than what it was asked because of.
fn lags(known: Option<&KnownDeal>, reading: &Reading, question: &Question<'_>) -> bool {
    match reading {
        Reading::Found(snapshot) => {
            known.is_some_and(|known| snapshot.modified < known.modified)
                || question
                    .hint
                    .is_some_and(|hint| hint.stage != snapshot.stage && hint.at > snapshot.modified)
        }
        // A deal that never answered, and of which somebody just said where it stands, may not be there yet.
        Reading::Gone => question.hint.is_some() && known.is_none_or(|known| known.state != State::Deleted),
    }
}

/// The next of the rereads. While a departure waits to be confirmed, the last one repeats.
fn next_reread(question: &Question<'_>, leaving: bool) -> Option<Duration> {
    let rereads = &question.options.rereads;
    let next = rereads.get(question.rereads as usize);
    next.or_else(|| rereads.last().filter(|_| leaving)).copied()
}

fn soonest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

fn found(known: Option<&KnownDeal>, snapshot: &Snapshot, question: &Question<'_>) -> Verdict {
    let state = State::from(snapshot.status);
    let Some(known) = known.filter(|known| known.rev > 0) else {
        let row = unpublished(snapshot, state, question);
        if state != State::Won {
            return Verdict { known: Some(row), ..Verdict::default() };
        }
        // From here on its people matter.
        let row = KnownDeal { snapshot: carried(snapshot, None), ..row };
        return published(row, What::Won, question);
    };
    if let Some(wait) = known.state.leaves_for(state).then(|| unsettled(known, question)).flatten() {
        return leaving(known, snapshot.modified, wait, question);
    }
    let snapshot = carried(snapshot, Some(&known.snapshot));
    let what = if known.state == state {
        let changed = changed(&known.snapshot, &snapshot, question.zone);
        (!changed.is_empty()).then_some(What::Amended(changed))
    } else {
        Some(entered(state))
    };
    let row = KnownDeal {
        modified: snapshot.modified,
        state,
        snapshot,
        leaving_since: None,
        merged_into: None,
        read_at: question.now,
        ..known.clone()
    };
    match what {
        Some(what) => published(row, what, question),
        None => Verdict { known: Some(row), ..Verdict::default() },
    }
}

fn gone(known: Option<&KnownDeal>, question: &Question<'_>) -> Verdict {
    let Some(known) = known else { return Verdict::default() };
    // A merged deal's end was told; what becomes of the survivor is told there.
    if known.state == State::Deleted || known.merged_into.is_some() {
        return Verdict { known: Some(looked(known, question)), ..Verdict::default() };
    }
    if let Some(wait) = known.state.leaves_for(State::Deleted).then(|| unsettled(known, question)).flatten() {
        return leaving(known, known.modified, wait, question);
    }
    let row =
        KnownDeal { state: State::Deleted, leaving_since: None, read_at: question.now, ..known.clone() };
    if row.rev > 0 {
        published(row, What::Deleted, question)
    } else {
        Verdict { known: Some(row), ..Verdict::default() }
    }
}

impl State {
    fn leaves_for(self, next: Self) -> bool {
        self == Self::Won && next != Self::Won
    }
}

/// How long until a departure from the won stage may be believed; `None` once it may.
fn unsettled(known: &KnownDeal, question: &Question<'_>) -> Option<Duration> {
    let settle = question.options.settle;
    let waited = known.leaving_since.map_or(Duration::ZERO, |since| question.now.since(since));
    let confirmed = known.leaving_since.is_some() && waited >= settle;
    (!confirmed).then(|| settle.saturating_sub(waited).max(Duration::from_millis(1)))
}

fn leaving(known: &KnownDeal, modified: Timestamp, wait: Duration, question: &Question<'_>) -> Verdict {
    let row = KnownDeal {
        leaving_since: known.leaving_since.or(Some(question.now)),
        modified,
        ..looked(known, question)
    };
    Verdict { known: Some(row), reread: Some(wait), ..Verdict::default() }
}

fn entered(state: State) -> What {
    match state {
        State::Won => What::Won,
        State::Open => What::Reopened,
        State::Lost => What::Lost,
        State::Deleted => What::Deleted,
    }
}

/// The row with the next `rev`, its home key frozen with the first.
fn published(row: KnownDeal, what: What, question: &Question<'_>) -> Verdict {
    let tenant = &question.deal.tenant;
    let home = row.home.clone().unwrap_or_else(|| match &row.snapshot.account {
        Some(account) => HomeKey::of_account(tenant, &account.key),
        None => HomeKey::of_deal(tenant, &question.deal.deal),
    });
    let row = KnownDeal {
        home: Some(home),
        rev: row.rev + 1,
        won_no: row.won_no + i32::from(what == What::Won),
        ..row
    };
    Verdict { what: Some(what), known: Some(row), ..Verdict::default() }
}

/// A deal of which nothing is published. Its people are nobody's business yet.
fn unpublished(snapshot: &Snapshot, state: State, question: &Question<'_>) -> KnownDeal {
    KnownDeal {
        deal: question.deal.clone(),
        home: None,
        state,
        rev: 0,
        won_no: 0,
        snapshot: Snapshot { owner: None, contacts: Vec::new(), ..snapshot.clone() },
        modified: snapshot.modified,
        leaving_since: None,
        merged_into: None,
        read_at: question.now,
    }
}

fn looked(known: &KnownDeal, question: &Question<'_>) -> KnownDeal {
    KnownDeal { read_at: question.now, ..known.clone() }
}

/// The snapshot with the time of its win: what the CRM tells, else what it told before, else, for a won
/// deal whose history is hidden, when it was last changed.
fn carried(snapshot: &Snapshot, before: Option<&Snapshot>) -> Snapshot {
    let fallback = (snapshot.status == Status::Won).then_some(snapshot.modified);
    let won_at = snapshot.won_at.or(before.and_then(|before| before.won_at)).or(fallback);
    Snapshot { won_at, ..snapshot.clone() }
}

/// The fields that differ and matter to a journey, by their names in the contract.
fn changed(before: &Snapshot, after: &Snapshot, zone: &TimeZone) -> Vec<&'static str> {
    let day = |snapshot: &Snapshot| snapshot.close_date.map(|date| date.in_zone(zone));
    let won = |snapshot: &Snapshot| snapshot.won_at.map(|at| at.to_jiff().to_zoned(zone.clone()).date());
    [
        ("amount", before.amount != after.amount),
        ("owner", before.owner != after.owner),
        ("account", before.account != after.account),
        ("contacts", before.contacts != after.contacts),
        ("close_date", day(before) != day(after)),
        ("won_date", won(before) != won(after)),
        ("name", before.name != after.name),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

#[cfg(test)]
mod tests;
