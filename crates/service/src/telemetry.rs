//! Logs to standard error, for people or as JSON; traces and metrics for a collector ([`otlp`]). Neither has
//! personal data.
//!
//! Conventions: a message reads alone and fields carry ids; dotted or snake names with the unit last
//! (`elapsed_ms`); `tenant`, `connection`, `deal`, `enrolment`, `touchpoint`, `event_id` and
//! `vendor` are spelled so everywhere; an error is logged once, where it is handled. Names and
//! addresses of people are never fields. Text from outside goes through [`Escaped`].

mod escape;
pub mod otlp;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

pub use escape::Escaped;
pub use otlp::Export;

use crate::clock::SystemClock;
use crate::config::{LogFormat, Telemetry};
use crate::health::Metrics;
use crate::http_client;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is no filter.
    #[error("telemetry.level is not understood: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The program has a subscriber already.
    #[error("logging is set up already: {0}")]
    Taken(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts sending traces and metrics where the settings name a collector; call it before anything else runs.
pub fn export(
    settings: &Telemetry,
    process: otlp::Process,
    metrics: &Metrics,
) -> Result<Option<Export>, http_client::Error> {
    let start = |otlp| Export::start(otlp, process, metrics.clone(), &SystemClock::shared());
    settings.otlp.as_ref().map(start).transpose()
}

/// Starts logging for the whole process; call it once, first.
pub fn init(settings: &Telemetry) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&settings.level)?;
    // Colours are for eyes: a file or a collector gets plain text.
    let colours = std::io::stderr().is_terminal();
    let lines = fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match settings.log {
        LogFormat::Human => lines.with_target(false).compact().finish().try_init()?,
        LogFormat::Json => {
            lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .finish()
                .try_init()?;
        }
    }
    Ok(())
}
