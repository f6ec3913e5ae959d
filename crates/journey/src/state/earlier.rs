//! The states that earlier versions wrote: read, and written anew as the current one.
//!
//! Version 1 is JSON, version 2 the same fields in postcard. Neither told why a contact cannot be reached,
//! nor which address was written to.

use afterglow_domain::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ASK_EVERY_S, InvalidState, Phase, Promise, State, Status};
use crate::input::{Contact, Obstacle};

const JSON: u32 = 1;
const POSTCARD: u32 = 2;

/// Reads the bytes of a version before the current one.
pub(super) fn read(version: u32, bytes: &[u8]) -> Result<State, InvalidState> {
    let problem = |error: String| InvalidState::Content(error);
    let earlier: Earlier = match version {
        JSON => serde_json::from_slice(bytes).map_err(|error| problem(error.to_string()))?,
        POSTCARD => postcard::from_bytes(bytes).map_err(|error| problem(error.to_string()))?,
        other => return Err(InvalidState::Version(other)),
    };
    Ok(earlier.into())
}

#[derive(Serialize, Deserialize)]
struct Earlier {
    phase: Phase,
    day_zero: Date,
    contacts: Vec<EarlierContact>,
    owner_reachable: bool,
    gift_contact: Option<String>,
    owner_asked: bool,
    last_emission_on: Option<Date>,
    left_won: bool,
    /// The first JSON did not tell it and meant a day.
    #[serde(default = "ask_every_day")]
    ask_every_s: u64,
    promises: Vec<EarlierPromise>,
}

#[derive(Serialize, Deserialize)]
struct EarlierContact {
    id: String,
    roles: Vec<String>,
    reachable: bool,
}

#[derive(Serialize, Deserialize)]
struct EarlierPromise {
    moment: String,
    occurrence: u32,
    anchor: Date,
    day: i32,
    planned: Timestamp,
    deadline: Timestamp,
    refusals: u32,
    status: EarlierStatus,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EarlierStatus {
    Waiting { due: Timestamp, reason: Option<String> },
    Emitted { contact: Option<String>, asked: Timestamp, revoking: Option<String> },
    Recalled,
    Delivered,
    Spent,
    Undelivered,
}

fn ask_every_day() -> u64 {
    ASK_EVERY_S
}

impl From<Earlier> for State {
    fn from(earlier: Earlier) -> Self {
        Self {
            phase: earlier.phase,
            day_zero: earlier.day_zero,
            contacts: earlier.contacts.into_iter().map(Contact::from).collect(),
            owner_reachable: earlier.owner_reachable,
            gift_contact: earlier.gift_contact,
            owner_asked: earlier.owner_asked,
            last_emission_on: earlier.last_emission_on,
            left_won: earlier.left_won,
            ask_every_s: earlier.ask_every_s,
            promises: earlier.promises.into_iter().map(Promise::from).collect(),
            barred: Vec::new(),
        }
    }
}

/// The mark of its address is that of none until the deal's next event.
impl From<EarlierContact> for Contact {
    fn from(EarlierContact { id, roles, reachable }: EarlierContact) -> Self {
        let obstacle = (!reachable).then_some(Obstacle::Unreachable);
        Self { id, roles, obstacle, address: 0 }
    }
}

impl From<EarlierPromise> for Promise {
    fn from(earlier: EarlierPromise) -> Self {
        let EarlierPromise { moment, occurrence, anchor, day, planned, deadline, refusals, status } = earlier;
        Self { moment, occurrence, anchor, day, planned, deadline, refusals, status: status.into() }
    }
}

impl From<EarlierStatus> for Status {
    fn from(earlier: EarlierStatus) -> Self {
        match earlier {
            EarlierStatus::Waiting { due, reason } => Self::Waiting { due, reason },
            EarlierStatus::Emitted { contact, asked, revoking } => {
                Self::Emitted { contact, address: 0, asked, revoking }
            }
            EarlierStatus::Recalled => Self::Recalled,
            EarlierStatus::Delivered => Self::Delivered,
            EarlierStatus::Spent => Self::Spent,
            EarlierStatus::Undelivered => Self::Undelivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the versions before wrote it: two contacts, one promise under way.
    fn earlier() -> Earlier {
        let at = Timestamp::EPOCH;
        let contact =
            |id: &str, reachable| EarlierContact { id: id.to_owned(), roles: Vec::new(), reachable };
        let status = EarlierStatus::Emitted { contact: Some("ann".to_owned()), asked: at, revoking: None };
        let promise = EarlierPromise {
            moment: "welcome".to_owned(),
            occurrence: 2,
            anchor: Date::constant(2026, 3, 6),
            day: 1,
            planned: at,
            deadline: at,
            refusals: 1,
            status,
        };
        Earlier {
            phase: Phase::Active,
            day_zero: Date::constant(2026, 3, 6),
            contacts: vec![contact("ann", true), contact("eve", false)],
            owner_reachable: true,
            gift_contact: None,
            owner_asked: true,
            last_emission_on: None,
            left_won: false,
            ask_every_s: ASK_EVERY_S,
            promises: vec![promise],
        }
    }

    #[test]
    fn states_of_both_earlier_versions_are_read() {
        let json = serde_json::to_string(&earlier()).unwrap();
        let untold = json.replace(&format!(",\"ask_every_s\":{ASK_EVERY_S}"), "");
        assert_ne!(untold, json);
        let bytes = postcard::to_stdvec(&earlier()).unwrap();
        let expected = State::from(earlier());
        for (version, bytes) in [(JSON, json.as_bytes()), (JSON, untold.as_bytes()), (POSTCARD, &bytes)] {
            assert_eq!(State::from_bytes(version, bytes).unwrap(), expected, "version {version}");
        }
        assert_eq!(expected.obstacle_of(&expected.contacts[0]), None);
        assert_eq!(expected.obstacle_of(&expected.contacts[1]), Some(Obstacle::Unreachable));
        for version in [JSON, POSTCARD] {
            assert!(matches!(State::from_bytes(version, b"{}"), Err(InvalidState::Content(_))));
        }
    }

    /// What version 2 itself wrote of that state, to the byte.
    #[test]
    fn the_bytes_of_version_2_are_pinned() {
        let written = "000a323032362d30332d30360203616e6e0001036576650000010001000080a305010777656c636f6d65020a\
             323032362d30332d303602000001010103616e6e0000";
        let bytes = postcard::to_stdvec(&earlier()).unwrap();
        let read = |at: usize| u8::from_str_radix(&written[at..at + 2], 16).unwrap();
        let written: Vec<u8> = (0..written.len()).step_by(2).map(read).collect();
        assert_eq!(bytes, written);
    }
}
