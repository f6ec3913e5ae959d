//! A journey definition as types: a list of promises counted from one date.
//!
//! Values here are checked: days are in order, ids unique, money in one currency and within the
//! budget. They come from [`crate::load`] only; nothing here knows YAML.

use std::time::Duration;

use afterglow_domain::{Channel, Intent, Money};
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::calendar::Zone;

/// One journey file of the first release's language.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The permanent name.
    pub name: String,
    /// Which date each `day` counts from.
    pub day_zero: DayZero,
    /// Deals heard of more than this many days after day 0 get no journey.
    pub start_not_after_day: i32,
    /// Roles; the first that the deal has is the recipient.
    pub recipient: Vec<String>,
    /// The task file for the owner of a deal without a recipient.
    pub no_recipient: String,
    /// When and on whose clock.
    pub sending: Sending,
    /// The most that one customer's gifts may cost.
    pub budget_per_customer: Money,
    /// The promises, in file order.
    pub moments: Vec<Moment>,
    /// Ids of removed moments, never used again.
    pub retired_ids: Vec<String>,
}

/// Which of a deal's dates is day 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayZero {
    /// The CRM's close date, but never later than the date on which the deal was won.
    CloseDate,
    /// The date on which the deal entered the won stage.
    WonDate,
}

/// When a person may be reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Sending {
    /// The clock for everybody in this release.
    pub zone: Zone,
    /// The time of day.
    pub send_at: Time,
    /// A deadline leaves at least this much of the journey's time after the planned instant. Zero, except
    /// in a sandbox whose days pass in seconds: there a vendor's retry takes days, and no promise may be
    /// missed for that.
    pub window_at_least: Duration,
}

/// One promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Permanent, unique in the file.
    pub id: String,
    /// Calendar days after day 0.
    pub day: i32,
    /// The last day on which it may still go out.
    pub not_after_day: i32,
    /// What happens if its day was over when the journey started.
    pub if_late: IfLate,
    /// Why it exists.
    pub intent: Intent,
    /// What is done.
    pub deed: Deed,
}

/// What to do with a moment whose planned day was over when the journey started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfLate {
    /// It goes out on the next free day.
    Send,
    /// It is waived.
    Skip,
    /// Its day and deadline count from the start instead of from day 0.
    Shift,
}

/// The one thing a moment does; names of files are relative to the journey file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A gift and its mail, one touchpoint.
    Gift {
        /// What it is worth.
        worth: Money,
        /// The product's name in the configuration.
        pick: String,
        /// The mail that brings the gift.
        mail: String,
        /// The mail that goes where no gift may.
        mail_without_gift: Option<String>,
    },
    /// A mail to the recipient.
    Mail {
        /// Its file.
        mail: String,
    },
    /// A piece of work for the deal's owner.
    Task {
        /// Its file.
        task: String,
    },
}

impl Deed {
    /// How it reaches somebody.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Gift { .. } => Channel::Gift,
            Self::Mail { .. } => Channel::Mail,
            Self::Task { .. } => Channel::Task,
        }
    }

    /// The files that it needs.
    pub fn files(&self) -> Vec<&str> {
        match self {
            Self::Gift { mail, mail_without_gift, .. } => {
                std::iter::once(mail.as_str()).chain(mail_without_gift.as_deref()).collect()
            }
            Self::Mail { mail: file } | Self::Task { task: file } => vec![file],
        }
    }

    /// What a gift is worth; `None` for mails and tasks.
    pub fn worth(&self) -> Option<Money> {
        match self {
            Self::Gift { worth, .. } => Some(*worth),
            Self::Mail { .. } | Self::Task { .. } => None,
        }
    }
}

/// `gift 25 USD + mails/welcome.md`, `mails/tip.md`, `tasks/call.md to the owner`.
impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gift { worth, mail, .. } => write!(f, "gift {worth} + {mail}"),
            Self::Mail { mail } => f.write_str(mail),
            Self::Task { task } => write!(f, "{task} to the owner"),
        }
    }
}

impl Definition {
    /// The moment with this id.
    pub fn moment(&self, id: &str) -> Option<&Moment> {
        self.moments.iter().find(|moment| moment.id == id)
    }
}
