//! HubSpot's answers, as far as they are read. Every property value is a text or null.

use std::collections::BTreeMap;

use afterglow_domain::{Crm, Timestamp};
use serde::{Deserialize, Deserializer};

use super::assemble;
use crate::read::Error;
use crate::snapshot::{Status, filled};

pub(super) type Properties = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deal {
    pub(super) id: String,
    properties: Properties,
    #[serde(default)]
    properties_with_history: BTreeMap<String, Vec<Version>>,
    #[serde(default)]
    associations: BTreeMap<String, Results<Reference>>,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    value: Option<String>,
    timestamp: String,
}

#[derive(Deserialize)]
pub(super) struct Results<T> {
    pub(super) results: Vec<T>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

impl Deal {
    /// A property's text; `None` where it is missing, null or blank.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        filled(self.properties.get(name).cloned().flatten())
    }

    /// The ids of associated objects, each once: HubSpot lists one line per association type.
    pub(super) fn associated(&self, kind: &str) -> Vec<String> {
        let references =
            self.associations.get(kind).map(|found| found.results.as_slice()).unwrap_or_default();
        let mut ids: Vec<String> = references.iter().map(|reference| reference.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// When the deal came into which stage, oldest first.
    pub(super) fn stage_history(&self) -> Result<Vec<(Timestamp, String)>, Error> {
        let versions = self.properties_with_history.get("dealstage").map(Vec::as_slice).unwrap_or_default();
        let mut history = Vec::with_capacity(versions.len());
        for version in versions {
            let at = assemble::instant(&version.timestamp).ok_or_else(|| Error::Invalid {
                vendor: Crm::Hubspot,
                what: "a stage history whose timestamp is not an instant".to_owned(),
            })?;
            history.push((at, version.value.clone().unwrap_or_default()));
        }
        history.sort();
        Ok(history)
    }

    /// HubSpot's calculated properties, for a stage that is in no pipeline any more.
    pub(super) fn own_view(&self) -> Status {
        let says = |name| self.property(name).as_deref() == Some("true");
        if says("hs_is_closed_won") {
            Status::Won
        } else if says("hs_is_closed") {
            Status::Lost
        } else {
            Status::Open
        }
    }
}

/// A batch's answer; with status 207 it has both results and errors.
#[derive(Deserialize)]
pub(super) struct Batch<T> {
    results: Vec<T>,
    #[serde(default)]
    errors: Vec<Problem>,
}

impl<T> Batch<T> {
    /// The results, if what is missing does not exist (any more); otherwise an error: half of an answer
    /// would look like a change.
    pub(super) fn complete(self) -> Result<Vec<T>, Error> {
        let gone = |problem: &Problem| problem.category.as_deref() == Some("OBJECT_NOT_FOUND");
        if self.errors.iter().all(gone) {
            return Ok(self.results);
        }
        let what = "a batch was answered in part".to_owned();
        Err(Error::Unavailable { vendor: Crm::Hubspot, status: Some(207), what })
    }
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) properties: Properties,
}

#[derive(Deserialize)]
pub(super) struct Links {
    pub(super) to: Vec<Link>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(rename = "toObjectId", deserialize_with = "number_or_text")]
    pub(super) to: String,
    #[serde(rename = "associationTypes", default)]
    pub(super) types: Vec<LinkType>,
}

#[derive(Deserialize)]
pub(super) struct LinkType {
    #[serde(rename = "typeId")]
    pub(super) type_id: i64,
    pub(super) label: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Pipeline {
    pub(super) stages: Vec<PipelineStage>,
}

#[derive(Deserialize)]
pub(super) struct PipelineStage {
    pub(super) id: String,
    #[serde(default)]
    pub(super) metadata: StageMetadata,
}

/// Both are texts in HubSpot's answers: `"true"`, `"1.0"`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StageMetadata {
    pub(super) is_closed: Option<String>,
    pub(super) probability: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) email: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountInfo {
    pub(super) company_currency: Option<String>,
}

/// An error's body: a JSON object, of which no field is promised.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    category: Option<String>,
    policy_name: Option<String>,
}

impl Problem {
    pub(super) fn is_daily(&self) -> bool {
        self.policy_name.as_deref() == Some("DAILY")
    }
}

/// Ids are numbers in some of HubSpot's answers and texts in others.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u64),
        Text(String),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => text,
    })
}
