//! The command line: what can be asked, and who answers.

use std::process::ExitCode;

use afterglow_service::exit::Exit;
use clap::{Parser, Subcommand};

use crate::commands;
use crate::embedded::Wiring;

/// Post-sale journeys: what a customer hears from you after the signature.
#[derive(Debug, Parser)]
#[command(name = "afterglow", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole product in this process, on SQLite.
    Run(commands::run::Args),
    /// Run the edge and the resolver in this process, on Kafka and PostgreSQL.
    #[cfg(feature = "kafka")]
    Ingest(commands::role::Args),
    /// Run the journey engine in this process, on Kafka and PostgreSQL.
    #[cfg(feature = "kafka")]
    JourneyEngine(commands::role::Args),
    /// Run the dispatcher in this process, on Kafka and PostgreSQL.
    #[cfg(feature = "kafka")]
    Dispatcher(commands::role::Args),
    /// Bring the roles' schemas in PostgreSQL up to date; before the roles of a new version start.
    #[cfg(feature = "kafka")]
    Migrate(commands::migrate::Args),
    /// Check, read aloud or simulate a journey file.
    #[command(subcommand)]
    Journey(commands::journey::Command),
    /// Say what happened to a customer, what is next, and why something did not happen. Also explains
    /// an error code such as AG0007.
    Explain(commands::explain::Args),
    /// Print a topic as JSON lines.
    Tail(commands::tail::Args),
    /// What could not be used, and why.
    #[command(subcommand)]
    DeadLetters(commands::dead_letters::Command),
    /// Calls to vendors that wait for a person.
    #[command(subcommand)]
    Attempts(commands::attempts::Command),
    /// Go on where a role and the log no longer fit.
    #[command(subcommand)]
    Log(commands::log::Command),
    /// Check Kafka's topics, or make them.
    #[cfg(feature = "kafka")]
    Topics(commands::topics::Args),
    /// Check or show a configuration.
    #[command(subcommand)]
    Config(commands::config::Command),
}

/// What a command comes to: an exit code, or an error to print.
pub(crate) type Outcome = anyhow::Result<Exit>;

/// An argument that names nothing, or is not of its form: the message says which and what would be right.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Reads the command line, does what it says, gives the exit code.
pub fn main_with<W: Wiring>(wiring: &W) -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Run(args) => commands::run::run(args, wiring),
        #[cfg(feature = "kafka")]
        Command::Ingest(args) => commands::role::run(commands::role::Name::Ingest, &args),
        #[cfg(feature = "kafka")]
        Command::JourneyEngine(args) => commands::role::run(commands::role::Name::JourneyEngine, &args),
        #[cfg(feature = "kafka")]
        Command::Dispatcher(args) => commands::role::run(commands::role::Name::Dispatcher, &args),
        #[cfg(feature = "kafka")]
        Command::Migrate(args) => commands::migrate::run(&args),
        Command::Journey(command) => commands::journey::run(&command),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Tail(args) => commands::tail::run(&args),
        Command::DeadLetters(command) => commands::dead_letters::run(&command),
        Command::Attempts(command) => commands::attempts::run(&command),
        Command::Log(command) => commands::log::run(&command),
        #[cfg(feature = "kafka")]
        Command::Topics(args) => commands::topics::run(&args),
        Command::Config(command) => commands::config::run(&command),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            if is_closed_pipe(&error) {
                return Exit::Ok.into();
            }
            crate::commands::complain(format_args!("afterglow: {error:#}"));
            let exit = if error.is::<Usage>() { Exit::Config } else { Exit::Unavailable };
            exit.into()
        }
    }
}

/// `afterglow tail … | head` ends by closing the pipe; that is no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn numbers_count_what_they_name() {
        let calls = |count| crate::commands::counted(count, "call", "calls");
        assert_eq!([calls(0), calls(1), calls(2)], ["0 calls", "1 call", "2 calls"]);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
