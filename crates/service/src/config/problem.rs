//! What is wrong with a configuration: a code, a place, a sentence and a remedy.
//!
//! Codes AG0001 to AG0999 are never reused; `afterglow explain AG0007` prints the row of the table.

use std::fmt;
use std::path::PathBuf;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $cause:literal, $remedy:literal;)+) => {
        /// What kind of problem; the number is stable for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $number),+
        }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What leads to it, in one line.
            pub fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause),+ }
            }

            /// What to do about it, in one line.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),+ }
            }
        }
    };
}

codes! {
    /// The file is not there or not readable.
    Unreadable = 1, "The configuration file cannot be read.",
        "Check the path and that the user of the process may read it.";
    /// Not TOML.
    Syntax = 2, "The file is not valid TOML.",
        "Correct the line; quote every text, and give each setting once.";
    /// A setting that does not exist.
    Unknown = 3, "A setting or section with this name does not exist.",
        "Correct the spelling or remove it; deploy/afterglow.toml lists every setting.";
    /// A required setting is not given.
    Missing = 4, "A setting without a default is not given.",
        "Add it; deploy/afterglow.toml shows an example.";
    /// A text where a number is wanted, and the like.
    Type = 5, "The value has the wrong type.",
        "Texts are quoted, numbers and true/false are not, lists stand in [ ].";
    /// The type is right, the value is not allowed.
    Value = 6, "The value is outside what the setting allows.",
        "Use a value that the message names.";
    /// A secret's file or variable cannot be read.
    SecretUnreadable = 7, "A secret's file or environment variable is not there or is empty.",
        "Create the file (one line) or export the variable for the process.";
    /// A secret that could be guessed.
    SecretWeak = 8, "A secret is too short or has characters that its use does not allow.",
        "Make one with: openssl rand -hex 32";
    /// A secret written into the file (a warning).
    SecretLiteral = 9, "A secret stands in the configuration file itself (a warning only).",
        "Move it to a file or a variable: secret = { file = \"…\" } or { env = \"…\" }.";
    /// Two things with one name.
    Duplicate = 10, "Two entries have the same id or address.",
        "Give each its own.";
    /// A sandbox that could reach real customers.
    SandboxHost = 11, "clock.seconds_per_day is set, and a host is neither loopback nor a named sandbox.",
        "Remove clock.seconds_per_day, or list the host in clock.sandbox_hosts if it really is a sandbox.";
    /// Not an absolute http or https address.
    Url = 12, "The value is not an absolute http or https URL.",
        "Write it like https://journeys.example.com, without query and fragment.";
    /// Not in the IANA list.
    Zone = 13, "The value is not a time zone of the IANA list.",
        "Use a name such as Europe/Berlin or America/New_York.";
    /// A secret would cross a network unencrypted.
    Plaintext = 14, "Secrets or personal data would leave this machine unencrypted.",
        "Use https (or tls = \"starttls\" for mail); plain text is for loopback and clock.sandbox_hosts.";
    /// A setting needs another one.
    Together = 15, "A setting needs another one that is not given, or excludes one that is.",
        "Add or remove the setting that the message names.";
    /// An override that fits nothing.
    Environment = 16, "An AFTERGLOW__… variable cannot be applied.",
        "Write it as AFTERGLOW__SECTION__SETTING, entries of lists by number from 0: AFTERGLOW__CONNECTION__0__TOKEN.";
    /// A file that the configuration names is not there.
    FileMissing = 17, "A file named in the configuration is not there.",
        "Correct the path; paths are relative to the configuration file.";
    /// Another process has the data folder.
    DataDirLocked = 20, "Another process runs on the same data folder.",
        "Stop it, or give this one a data_dir of its own; explain, tail and the like need no lock.";
    /// The data folder cannot be made or opened.
    DataDirUnusable = 21, "The data folder cannot be created or opened.",
        "Create it and give it to the user of the process (mode 0700).";
    /// The data folder takes no writes.
    DataDirFull = 22, "The data folder is on a full or read-only disk.",
        "Free space or remount it; nothing that was accepted is lost.";
    /// A port is taken.
    PortUnavailable = 23, "A configured address cannot be listened on.",
        "Stop what uses the port, or change http.listen or http.admin_listen.";
    /// No journey can run.
    JourneyInvalid = 24, "A journey file of the configuration has findings.",
        "Run: afterglow journey lint FILE";
}

impl Code {
    /// The code of a number; `None` where it was never given out.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.to_string().eq_ignore_ascii_case(text))
    }
}

/// `AG0007`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AG{:04}", *self as u16)
    }
}

/// The page of a configuration code such as `AG0007`; `None` for a code that is not of this table.
pub fn explain(code: &str) -> Option<String> {
    let code = Code::parse(code)?;
    Some(format!("{code}\nCause:  {}\nRemedy: {}", code.cause(), code.remedy()))
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, from 1; `None` where the file as a whole is meant.
    File(PathBuf, Option<usize>),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(f, "{}:{line}", path.display()),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// One thing that is wrong, with what to do about it. It never contains a secret's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {code} {field}: {message}\n    {remedy}")]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// The setting's path: `connection[0].zone`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// A problem with the remedy of its code.
    pub fn new(code: Code, place: Place, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, place, field: field.into(), message: message.into(), remedy: code.remedy().to_owned() }
    }
}
