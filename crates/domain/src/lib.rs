//! The words of the product: typed ids, keys, money, time, clocks, shards and the closed lists.
//!
//! Everything above this crate speaks in these types. There is no I/O and no async here, and the
//! system clock is never read: time is an argument everywhere ([`clock::Clock`]).

pub mod client_property;
pub mod clock;
pub mod disposition;
pub mod id;
pub mod key;
pub mod money;
pub mod sensitive;
pub mod shard;
pub mod time;
pub mod vocabulary;

pub use clock::{Clock, Clocks};
pub use disposition::Disposition;
pub use id::{AttemptId, EnrolmentId, EventId, ObligationId, TouchpointId};
pub use key::{AccountKey, ConnectionId, Crm, DealKey, DealRef, HomeKey, Tenant};
pub use money::{Currency, Money};
pub use sensitive::Sensitive;
pub use shard::Shard;
pub use time::Timestamp;
pub use vocabulary::{Channel, Intent, Stage};
