//! `afterglow journey lint|simulate`.

use std::path::{Path, PathBuf};

use afterglow_journey::simulate::{SimulationInput, simulate};
use afterglow_journey::{Checked, Files, Finding, Zone, aloud, load, render};
use afterglow_service::clock::SystemClock;
use afterglow_service::exit::Exit;
use jiff::civil::Date;

use super::{counted, say};
use crate::cli::{Outcome, Usage};

/// What to do with a journey file.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a file and everything it names: file, line, field and remedy of each problem.
    Lint {
        /// The journey file.
        file: PathBuf,
        /// Print each promise as a sentence.
        #[arg(long)]
        read: bool,
    },
    /// Play ninety days of one customer in an instant, with the code that runs in production.
    Simulate(Simulate),
}

/// One customer's story.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// The journey file.
    file: PathBuf,
    /// The deal's close date; left out: the date the deal was won.
    #[arg(long, value_name = "YYYY-MM-DD")]
    close_date: Option<Date>,
    /// When the deal was won and heard of; left out: the close date, or today.
    #[arg(long, value_name = "YYYY-MM-DD")]
    won: Option<Date>,
    /// Where the recipient sits; left out: the file's default zone.
    #[arg(long, value_name = "IANA")]
    zone: Option<String>,
}

/// The files beside a journey file.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder in which a journey file lies.
    pub(crate) fn of(file: &Path) -> Self {
        Self(file.parent().map(Path::to_owned).unwrap_or_default())
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

/// Reads and checks a journey file from disk.
pub(crate) fn read(file: &Path) -> anyhow::Result<Result<Checked, Vec<Finding>>> {
    let source = std::fs::read_to_string(file)
        .map_err(|error| Usage(format!("{} cannot be read: {error}", file.display())))?;
    Ok(load(&file.display().to_string(), &source, &Folder::of(file)))
}

pub(crate) fn run(command: &Command) -> Outcome {
    match command {
        Command::Lint { file, read: aloud } => lint(file, *aloud),
        Command::Simulate(story) => play(story),
    }
}

fn lint(file: &Path, aloud: bool) -> Outcome {
    let checked = match read(file)? {
        Ok(checked) => checked,
        Err(findings) => return refused(&findings),
    };
    if !checked.warnings.is_empty() {
        say(format_args!("{}", render(&checked.warnings)))?;
    }
    if aloud {
        say(format_args!("{}", aloud::read_aloud(&checked.definition).trim_end()))?;
    } else {
        say(format_args!(
            "{}: fine, {}, {}",
            file.display(),
            counted(checked.definition.moments.len(), "moment", "moments"),
            counted(checked.warnings.len(), "warning", "warnings")
        ))?;
    }
    Ok(Exit::Ok)
}

/// A file with errors: they are printed, and the exit code is 1 as for any linter.
fn refused(findings: &[Finding]) -> Outcome {
    say(format_args!("{}", render(findings).trim_end()))?;
    Ok(Exit::Findings)
}

fn play(story: &Simulate) -> Outcome {
    let checked = match read(&story.file)? {
        Ok(checked) => checked,
        Err(findings) => return refused(&findings),
    };
    let zone =
        match &story.zone {
            Some(name) => Some(Zone::new(name).ok_or_else(|| {
                Usage(format!("--zone: {name:?} is not an IANA zone such as Europe/Berlin"))
            })?),
            None => None,
        };
    let today = || checked.definition.sending.zone.date_of(SystemClock::shared().now());
    let won = story.won.or(story.close_date).unwrap_or_else(today);
    let input = SimulationInput { close_date: story.close_date, zone, ..SimulationInput::closed_on(won) };
    say(format_args!("{}", simulate(&checked.definition, &input).to_string().trim_end()))?;
    Ok(Exit::Ok)
}
