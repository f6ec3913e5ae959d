//! What the roles need: journeys, unsubscribe links, dispatch, resolver.

use std::path::PathBuf;
use std::time::Duration;

use afterglow_domain::{Money, Tenant};
use secrecy::SecretString;
use serde::Serialize;

use super::defaults;
use super::problem::Code;
use super::section::Section;
use super::show::{hidden, hidden_list, seconds};

/// `[[journey]]`: a journey file and whose customers it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JourneyFile {
    /// The YAML file; mails and tasks are found beside it.
    pub file: PathBuf,
    /// The tenant whose new deals enrol.
    pub tenant: Tenant,
}

impl JourneyFile {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.require("file");
        let file = section.text("file").map(|file| section.reading.resolve(&file));
        if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
            section.note(Code::FileMissing, "file", format!("{} is not a file", file.display()));
        }
        let tenant = section.required("tenant", Code::Value);
        section.finish();
        Some(Self { file: file?, tenant: tenant? })
    }
}

/// `[unsubscribe]`: the keys that sign the links in every mail.
#[derive(Debug, Clone, Serialize)]
pub struct Unsubscribe {
    /// One key, or two while one replaces the other: the first signs, both verify.
    #[serde(serialize_with = "hidden_list")]
    pub secrets: Vec<SecretString>,
}

impl Unsubscribe {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let secrets = section.secrets("secrets", defaults::KEY_BYTES_MIN);
        section.finish();
        Self { secrets }
    }
}

/// `[dispatch]`: money, suppression and pace.
#[derive(Debug, Clone, Serialize)]
pub struct Dispatch {
    /// What one account may receive in gifts within a calendar year.
    pub budget_per_account_per_year: Money,
    /// The HMAC key under which suppressed addresses are kept; changing it forgets the list.
    #[serde(serialize_with = "hidden")]
    pub suppression_key: SecretString,
    /// Calls to vendors at the same time.
    pub concurrency: usize,
}

impl Dispatch {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let key = "budget_per_account_per_year";
        let budget = section.parsed::<Money>(key, Code::Value).unwrap_or_else(defaults::budget);
        if budget.minor < 0 {
            section.note(Code::Value, key, "is negative; 0 USD switches gifts off");
        }
        section.require("suppression_key");
        let suppression_key = section.secret("suppression_key", defaults::KEY_BYTES_MIN);
        let concurrency = section.number("concurrency", defaults::CONCURRENCY, &(1..=64));
        section.finish();
        Some(Self { budget_per_account_per_year: budget, suppression_key: suppression_key?, concurrency })
    }
}

/// `[resolver]`: patience with the CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolver {
    /// How long a deal must have left the won stage before that is believed.
    #[serde(rename = "settle_seconds", serialize_with = "seconds")]
    pub settle: Duration,
    /// After how many seconds each a record is read again when hint and record disagree.
    pub reread_seconds: Vec<u64>,
}

impl Resolver {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let settle = section.seconds("settle_seconds", defaults::SETTLE, &(0..=3600));
        let reread_seconds =
            section.numbers("reread_seconds").unwrap_or_else(|| defaults::REREAD_SECONDS.to_vec());
        let rises = reread_seconds.windows(2).all(|pair| pair[0] < pair[1]);
        let bounded = reread_seconds.iter().all(|wait| (1..=86_400).contains(wait));
        if !(1..=8).contains(&reread_seconds.len()) || !rises || !bounded {
            section.note(Code::Value, "reread_seconds", "takes 1 to 8 rising numbers from 1 to 86400");
        }
        section.finish();
        Self { settle, reread_seconds }
    }
}
