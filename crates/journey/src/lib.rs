//! Reads and checks journey definitions, decides what happens next, and simulates.
//!
//! Everything here is pure: files come in as texts ([`Files`]), time as an argument, and what is to
//! be done comes out as data ([`Effect`]). The engine, `journey simulate` and the tests run the very
//! same [`decide`]. There is deliberately no I/O, no async, no clock and no personal data: a contact
//! is an id here, and its name is read by whoever sends.

pub mod aloud;
mod calendar;
mod decide;
mod definition;
mod effect;
mod finding;
mod input;
mod lint;
mod publish;
mod read;
pub mod simulate;
mod state;
mod texts;
mod yaml;

pub use calendar::{Zone, day_of, plus_days};
pub use decide::decide;
pub use definition::{DayZero, Deed, Definition, IfLate, Moment, Sending};
pub use effect::{Decision, Effect, GIFT_NOT_HANDED_OVER, NO_RECIPIENT, Outcome, To, TouchpointPlan};
pub use finding::{CODES, Finding, Severity, Snippet, render};
pub use input::{Contact, DeliveryOutcome, Facts, Input, Obstacle};
pub use publish::{Checked, Files, InvalidJourney, Published, load};
pub use state::{Barred, InvalidState, Phase, Promise, STATE_VERSION, State, Status};
pub use texts::built_in;
