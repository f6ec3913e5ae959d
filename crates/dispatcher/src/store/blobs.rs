//! What both databases keep as versioned bytes, read and written in one place.

use afterglow_durable::Error;

use crate::ledger::DealLedger;
use crate::touchpoint::State;

/// The version in which `touchpoint.state` is written: JSON of [`State`].
pub(super) const STATE_VERSION: i64 = 1;

/// The version in which `deal.ledger` is written: JSON of [`DealLedger`].
pub(super) const LEDGER_VERSION: i64 = 1;

/// A stored value that is not of its form. Nothing of it is quoted: it may be personal.
pub(crate) fn broken(column: &str) -> Error {
    Error::Refused(format!("{column} is not of its form"))
}

pub(super) fn state_bytes(state: &State) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(state).map_err(|error| Error::Refused(format!("touchpoint.state: {error}")))
}

pub(super) fn state(version: i64, bytes: &[u8]) -> Result<State, Error> {
    if version != STATE_VERSION {
        let what = "touchpoint.state".to_owned();
        return Err(Error::Newer { what, found: version, known: STATE_VERSION });
    }
    // The parser's own text may quote the state, which holds personal data.
    serde_json::from_slice(bytes).map_err(|_| broken("touchpoint.state"))
}

pub(super) fn ledger_bytes(ledger: &DealLedger) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(ledger).map_err(|error| Error::Refused(format!("deal.ledger: {error}")))
}

pub(super) fn ledger(version: i64, bytes: &[u8]) -> Result<DealLedger, Error> {
    if version != LEDGER_VERSION {
        let what = "deal.ledger".to_owned();
        return Err(Error::Newer { what, found: version, known: LEDGER_VERSION });
    }
    serde_json::from_slice(bytes).map_err(|_| broken("deal.ledger"))
}
