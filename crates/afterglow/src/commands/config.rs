//! `afterglow config check|show`.

use std::path::PathBuf;

use afterglow_service::config::Config;
use afterglow_service::exit::Exit;

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

/// The configuration of a file; every problem is printed where there is one, and every warning.
pub(crate) fn load(file: &std::path::Path) -> Option<Config> {
    let config = named(file)?;
    for warning in &config.warnings {
        complain(format_args!("warning: {warning}"));
    }
    Some(config)
}

/// The same for a command that starts nothing: what is unwise was said at the start, and by `config check`.
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
