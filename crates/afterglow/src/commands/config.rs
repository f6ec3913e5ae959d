//! `afterglow config check|show`.

use std::path::PathBuf;

use afterglow_service::config::{Config, Problem};
use afterglow_service::exit::Exit;
use afterglow_service::telemetry;

use super::{complain, counted, say};
use crate::cli::Outcome;
use crate::roles::{self, Journeys};

/// What to do with a configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Report every problem of a file; exit 64 if there is one.
    Check {
        /// The configuration.
        file: PathBuf,
    },
    /// Print what is in effect, without secrets.
    Show {
        /// The configuration.
        file: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::Check { file } => {
            let Some(config) = load(file) else { return Ok(Exit::Config) };
            if journeys(&config).is_none() {
                return Ok(Exit::Config);
            }
            say(format_args!(
                "{}: fine ({}, {})",
                file.display(),
                counted(config.connections.len(), "connection", "connections"),
                counted(config.journeys.len(), "journey", "journeys")
            ))?;
        }
        Command::Show { file } => {
            let Some(config) = load(file) else { return Ok(Exit::Config) };
            say(format_args!("{}", config.redacted()))?;
        }
    }
    Ok(Exit::Ok)
}

/// The configuration of a file for a person who asks about it; every problem is printed where there is one, and
/// every warning.
fn load(file: &std::path::Path) -> Option<Config> {
    let config = named(file)?;
    for warning in &config.warnings {
        complain(format_args!("warning: {warning}"));
    }
    Some(config)
}

/// Starts the log of a process that serves; what is unwise in its configuration stands there first.
pub(crate) fn start_logging(config: &Config) -> Result<(), telemetry::Error> {
    telemetry::init(&config.telemetry)?;
    for Problem { code, place, field, message, remedy } in &config.warnings {
        tracing::warn!(%code, %place, setting = field, %remedy, "the configuration is unwise: {message}");
    }
    Ok(())
}

/// The configuration of a file; every problem is printed where there is one.
pub(crate) fn named(file: &std::path::Path) -> Option<Config> {
    let environment = std::env::vars().filter(|(name, _)| !name.is_empty());
    match Config::load(file, environment) {
        Ok(config) => Some(config),
        Err(problems) => {
            for problem in &problems {
                complain(format_args!("{problem}"));
            }
            complain(format_args!("{}; nothing was started", counted(problems.len(), "problem", "problems")));
            None
        }
    }
}

/// The journeys of a configuration; every problem is printed where there is one.
pub(crate) fn journeys(config: &Config) -> Option<Journeys> {
    let problems = match roles::journeys::read(config) {
        Ok(journeys) => return Some(journeys),
        Err(problems) => problems,
    };
    for problem in &problems {
        complain(format_args!("{problem}"));
    }
    complain(format_args!("{}; nothing was started", counted(problems.len(), "problem", "problems")));
    None
}
