//! Salesforce's answers, as far as they are read.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::snapshot::Status;

#[derive(Deserialize)]
pub(super) struct Found<T> {
    pub(super) records: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Opportunity {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// As written, since a float would not be exact.
    pub(super) amount: Option<Box<RawValue>>,
    pub(super) currency_iso_code: Option<String>,
    pub(super) close_date: Option<Date>,
    pub(super) stage_name: String,
    is_won: bool,
    is_closed: bool,
    #[serde(default)]
    pub(super) is_deleted: bool,
    #[serde(rename = "Type")]
    pub(super) kind: Option<String>,
    #[serde(rename = "LastModifiedDate")]
    pub(super) modified: String,
    #[serde(rename = "LastStageChangeDate")]
    pub(super) last_stage_change: Option<String>,
    pub(super) owner_id: Option<String>,
    pub(super) owner: Option<Owner>,
    pub(super) account_id: Option<String>,
    pub(super) account: Option<Named>,
    /// Null where there are none.
    #[serde(rename = "OpportunityContactRoles")]
    pub(super) contact_roles: Option<Found<ContactRole>>,
}

impl Opportunity {
    /// `IsWon` is the truth; the stage's name is only its label.
    pub(super) fn status(&self) -> Status {
        if self.is_won {
            Status::Won
        } else if self.is_closed {
            Status::Lost
        } else {
            Status::Open
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Owner {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContactRole {
    pub(super) contact_id: String,
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) is_primary: bool,
    pub(super) contact: Option<Contact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Contact {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) has_opted_out_of_email: bool,
    pub(super) mailing_country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HistoryRow {
    pub(super) stage_name: String,
    pub(super) created_date: String,
}

/// The reply to a login.
#[derive(Deserialize)]
pub(super) struct Login {
    pub(super) access_token: String,
    pub(super) instance_url: String,
}

/// One of the errors in an error's body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) error_code: String,
}
