//! The configuration: one TOML file and overriding variables, read and checked whole.
//!
//! Invariant: a [`Config`] that exists is valid; nothing is bound, opened or called before it does.
//! Every problem is reported at once, with its line and a remedy. Paths are relative to the file.
//! Deliberately absent: reading journeys (the binary lints them) and reaching any server.

mod connection;
mod defaults;
mod host;
mod keep;
mod log;
mod platform;
mod problem;
mod reading;
mod roles;
mod secret;
mod section;
mod show;
mod store;
mod telemetry;
mod tree;
mod vendors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use connection::{Connection, CrmAccount};
pub use host::{BaseUrl, InvalidUrl, is_loopback};
pub use keep::Keep;
pub use log::{Kafka, Log, LogKind, PayloadEncoding, Property};
pub use platform::{ClockSettings, Http};
pub use problem::{Code, Place, Problem, explain};
pub use roles::{Dispatch, JourneyFile, Resolver, Unsubscribe};
pub(crate) use show::seconds;
pub use store::Store;
pub use telemetry::{LogFormat, Otlp, Telemetry};
pub use vendors::{Smtp, Tls, Tremendous, Vendors};

use reading::Reading;
use section::Section;

/// Everything that a process needs to be told.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// The folder of the databases, the log and the lock.
    pub data_dir: PathBuf,
    /// `[http]`.
    pub http: Http,
    /// `[log]`.
    pub log: Log,
    /// `[store]`.
    pub store: Store,
    /// `[clock]`.
    pub clock: ClockSettings,
    /// `[[connection]]`.
    #[serde(rename = "connection")]
    pub connections: Vec<Connection>,
    /// `[vendors]`.
    pub vendors: Vendors,
    /// `[[journey]]`.
    #[serde(rename = "journey")]
    pub journeys: Vec<JourneyFile>,
    /// `[unsubscribe]`.
    pub unsubscribe: Unsubscribe,
    /// `[dispatch]`.
    pub dispatch: Dispatch,
    /// `[resolver]`.
    pub resolver: Resolver,
    /// `[keep]`.
    pub keep: Keep,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// What is allowed and unwise; to be logged at start.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads the file, lays `AFTERGLOW__…` variables of `env` over it and checks everything.
    /// The error is every problem found, in the order of the file; it is never empty.
    pub fn load(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<Problem>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let place = Place::File(path.to_owned(), None);
            vec![Problem::new(Code::Unreadable, place, "file", error.to_string())]
        })?;
        Self::parse(&text, path, env)
    }

    /// The same for a text that stands for the file `path` (relative paths start at its folder).
    pub fn parse(
        text: &str,
        path: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        Self::parse_knowing(text, path, env).0
    }

    /// The configuration, and the name of every setting that exists.
    fn parse_knowing(
        text: &str,
        path: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> (Result<Self, Vec<Problem>>, BTreeSet<String>) {
        let env: BTreeMap<String, String> = env.into_iter().collect();
        let mut tree = match tree::parse(text, path) {
            Ok(tree) => tree,
            Err(problems) => return (Err(problems), BTreeSet::new()),
        };
        let misplaced = tree::overlay(&mut tree, &env);
        let reading = Reading::new(path, &env);
        let config = read(&Section::root(&reading, &tree));
        let Reading { problems, warnings, known, .. } = reading;
        let mut problems: Vec<Problem> = misplaced.into_iter().chain(problems.into_inner()).collect();
        problems.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        let result = match config {
            Some(config) if problems.is_empty() => {
                let mut warnings = warnings.into_inner();
                // Two secrets of one list are one thing to do.
                warnings.dedup();
                Ok(Self { warnings, ..config })
            }
            _ => Err(problems),
        };
        (result, known.into_inner())
    }
}

fn read(root: &Section<'_>) -> Option<Config> {
    let data_dir = root.text("data_dir").unwrap_or_else(|| defaults::DATA_DIR.to_owned());
    let http = Http::read(&root.child("http"));
    let log = Log::read(&root.child("log"));
    let store = Store::read(&root.child("store"));
    let clock = ClockSettings::read(&root.child("clock"));
    let public_url = http.as_ref().map(|http| &http.public_url);
    let sections = root.children("connection");
    connection::refuse_duplicates(&sections);
    let connections: Option<Vec<_>> = sections
        .iter()
        .map(|section| Connection::read(section, public_url))
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let vendors = Vendors::read(&root.child("vendors"));
    let sections = root.children("journey");
    let journeys: Option<Vec<_>> =
        sections.iter().map(JourneyFile::read).collect::<Vec<_>>().into_iter().collect();
    let unsubscribe = Unsubscribe::read(&root.child("unsubscribe"));
    let dispatch = Dispatch::read(&root.child("dispatch"));
    let resolver = Resolver::read(&root.child("resolver"));
    let keep = Keep::read(&root.child("keep"));
    let telemetry = Telemetry::read(&root.child("telemetry"));
    if root.has("journey") && !root.child("vendors").has("smtp") {
        root.note(Code::Together, "journey", "needs [vendors.smtp]: every journey sends mail");
    }
    if let (Some(log), Some(store)) = (&log, &store) {
        check_together(root, log, store);
    }
    check_hosts(root.reading, &clock);
    root.finish();
    Some(Config {
        data_dir: root.reading.resolve(&data_dir),
        http: http?,
        log: log?,
        store: store?,
        clock,
        connections: connections?,
        vendors,
        journeys: journeys?,
        unsubscribe,
        dispatch: dispatch?,
        resolver,
        keep,
        telemetry,
        warnings: Vec::new(),
    })
}

/// The log of many machines belongs with the state of many machines.
fn check_together(root: &Section<'_>, log: &Log, store: &Store) {
    match (log.kafka().is_some(), store.postgres_url().is_some()) {
        (true, false) => root.note(Code::Together, "log", "is kafka: add [store] with kind = \"postgres\""),
        (false, true) => root.note(Code::Together, "store", "is postgres: add [log] with kind = \"kafka\""),
        _ => {}
    }
}

/// A fast clock must never meet a real customer, and nothing personal crosses a network in the clear.
fn check_hosts(reading: &Reading<'_>, clock: &ClockSettings) {
    for call in reading.outbound.borrow().iter() {
        let listed = clock.sandbox_hosts.iter().any(|host| host.eq_ignore_ascii_case(&call.host));
        if listed || is_loopback(&call.host) {
            continue;
        }
        let note = |code: Code, message: String| {
            let problem = Problem::new(code, call.place.clone(), call.field.clone(), message);
            reading.problems.borrow_mut().push(problem);
        };
        if clock.seconds_per_day.is_some() {
            note(Code::SandboxHost, format!("{} is no sandbox, and the clock runs fast", call.host));
        }
        if !call.encrypted {
            note(Code::Plaintext, format!("{} would be called without encryption", call.host));
        }
    }
}

#[cfg(test)]
mod tests;
