//! What every role shares: configuration, clocks, lifecycle, HTTP hardening, health, telemetry.
//!
//! Invariant: whatever is read from outside the program (configuration, the system clock, signals,
//! the environment) is read here and handed on as a value. Deliberately absent: anything that knows
//! a deal, a journey or a touchpoint.

pub mod clock;
pub mod config;
pub mod data_dir;
pub mod exit;
pub mod health;
pub mod http;
pub mod http_client;
pub mod lifecycle;
pub mod metric_names;
pub mod telemetry;
pub mod unsubscribe;

pub use config::Config;
pub use data_dir::DataDir;
pub use exit::Exit;
pub use health::Health;
pub use lifecycle::{ExitReason, Shutdown, Tasks};
