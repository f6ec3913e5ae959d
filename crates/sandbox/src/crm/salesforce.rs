//! Salesforce's REST API, as much as a reader of opportunities needs: client-credentials tokens, queries
//! and single records. Errors are arrays of code and message, as there.

use afterglow_domain::{Crm, Timestamp};
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::soql::{self, Refusal};
use super::{Contact, Records, Trouble, Version};

pub(super) fn router(records: &Records) -> Router {
    let api = Router::new()
        .route("/services/data/{version}/query", get(query))
        .route("/services/data/{version}/query/", get(query))
        .route("/services/data/{version}/queryAll", get(query_all))
        .route("/services/data/{version}/queryAll/", get(query_all))
        .route("/services/data/{version}/sobjects/{object}/{id}", get(record))
        .layer(middleware::from_fn_with_state(records.clone(), admit))
        .route("/services/oauth2/token", post(token))
        .fallback(|| async { error(404, "NOT_FOUND", "The requested resource does not exist") })
        .with_state(records.clone());
    Router::new().nest("/salesforce", api)
}

async fn admit(State(records): State<Records>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", records.session());
    let known =
        request.headers().get("authorization").is_some_and(|given| given.as_bytes() == expected.as_bytes());
    let mut answer = match records.trouble(Crm::Salesforce) {
        Some(Trouble::Outage) => error(503, "SERVER_UNAVAILABLE", "The service is temporarily unavailable"),
        Some(Trouble::RateLimit) => error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        Some(Trouble::Unauthorised) => error(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        Some(Trouble::Nonsense) => super::NONSENSE.into_response(),
        None if !known => error(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        None => next.run(request).await,
    };
    records.released().await;
    answer.headers_mut().insert("sforce-limit-info", HeaderValue::from_static("api-usage=18/15000"));
    answer
}

#[derive(Deserialize)]
struct Grant {
    #[serde(rename = "grant_type")]
    kind: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// The client-credentials flow; key and secret by Basic authentication or in the form.
async fn token(State(records): State<Records>, headers: HeaderMap, form: axum::Form<Grant>) -> Response {
    let refuse = |status: StatusCode, error: &str, description: &str| {
        (status, Json(json!({"error": error, "error_description": description}))).into_response()
    };
    if records.trouble(Crm::Salesforce) == Some(Trouble::Outage) {
        return error(503, "SERVER_UNAVAILABLE", "The service is temporarily unavailable");
    }
    if form.kind.as_deref() != Some("client_credentials") {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type not supported");
    }
    let settings = &records.settings;
    let pair = format!("{}:{}", settings.salesforce_key, settings.salesforce_secret);
    let basic = format!("Basic {}", STANDARD.encode(&pair));
    let by_header = headers.get("authorization").is_some_and(|given| given.as_bytes() == basic.as_bytes());
    let by_form = form.client_id.as_ref().zip(form.client_secret.as_ref());
    let by_form = by_form.is_some_and(|(key, secret)| format!("{key}:{secret}") == pair);
    if !(by_header || by_form) || records.trouble(Crm::Salesforce) == Some(Trouble::Unauthorised) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_client", "invalid client credentials");
    }
    let base = &records.base;
    Json(json!({
        "access_token": records.session(), "instance_url": format!("{base}/salesforce"), "token_type": "Bearer",
        "scope": "api", "issued_at": "0", "id": format!("{base}/salesforce/id/{}", settings.org18),
    }))
    .into_response()
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

async fn query(State(records): State<Records>, asked: Query<Asked>) -> Response {
    answer(&records, &asked.q, false)
}

/// The same, deleted records included.
async fn query_all(State(records): State<Records>, asked: Query<Asked>) -> Response {
    answer(&records, &asked.q, true)
}

fn answer(records: &Records, text: &str, deleted_too: bool) -> Response {
    match run(records, text, deleted_too) {
        Ok(rows) => Json(json!({"totalSize": rows.len(), "done": true, "records": rows})).into_response(),
        Err((code, message)) => error(400, code, &message),
    }
}

fn run(records: &Records, text: &str, deleted_too: bool) -> Result<Vec<Value>, Refusal> {
    let query = soql::parse(text)?;
    let found: Vec<Version> = if query.ids.is_empty() {
        records.all(Crm::Salesforce)
    } else {
        query.ids.iter().filter_map(|id| find(records, id)).collect()
    };
    let found: Vec<Version> = found.into_iter().filter(|version| deleted_too || !version.deleted).collect();
    let mut rows: Vec<Value> = match query.object.as_str() {
        "Opportunity" => found.iter().map(|version| opportunity(records, version)).collect(),
        "OpportunityHistory" => found.iter().flat_map(history).collect(),
        "OpportunityFieldHistory" => found.iter().flat_map(field_history).collect(),
        "OpportunityStage" => stages(),
        "Organization" => vec![json!({"Id": records.settings.org18, "Name": "Sandbox", "IsSandbox": true})],
        other => return Err(("INVALID_TYPE", format!("sObject type '{other}' is not supported."))),
    };
    if query.newest_first {
        rows.reverse();
    }
    // A field is checked even where no record is found.
    if rows.is_empty() {
        soql::project(&query.object, &blank(records, &query.object), &query.fields)?;
    }
    rows.iter().take(query.limit).map(|row| soql::project(&query.object, row, &query.fields)).collect()
}

/// Ids are equal in their first 15 characters.
fn find(records: &Records, id: &str) -> Option<Version> {
    records.read(Crm::Salesforce, &records.id_of(Crm::Salesforce, id.get(..15)?)?)
}

async fn record(
    State(records): State<Records>,
    Path((_, object, id)): Path<(String, String, String)>,
    _body: Bytes,
) -> Response {
    match find(&records, &id).filter(|_| object == "Opportunity") {
        Some(version) if version.deleted => error(404, "ENTITY_IS_DELETED", "entity is deleted"),
        Some(version) => {
            let mut flat = opportunity(&records, &version);
            if let Some(fields) = flat.as_object_mut() {
                fields.retain(|_, value| !value.is_object() && !value.is_array());
                fields.insert("attributes".to_owned(), json!({"type": "Opportunity"}));
            }
            Json(flat).into_response()
        }
        None => error(404, "NOT_FOUND", "The requested resource does not exist"),
    }
}

fn opportunity(records: &Records, version: &Version) -> Value {
    let deal = &version.deal;
    let stage_since = version.moves.last().map_or(version.modified, |(_, at)| *at);
    let created = version.moves.first().map_or(version.modified, |(_, at)| *at);
    let mut record = json!({
        "Id": deal.id,
        "Name": deal.name,
        "Amount": deal.amount.map(|amount| serde_json::from_str::<Value>(&amount.decimal()).unwrap_or_default()),
        "CloseDate": deal.closed_at.to_jiff().strftime("%Y-%m-%d").to_string(),
        "StageName": deal.stage,
        "IsWon": deal.is_won(),
        "IsClosed": deal.is_closed(),
        "IsDeleted": version.deleted,
        "Type": deal.deal_type,
        "CreatedDate": time(created),
        "LastModifiedDate": time(version.modified),
        "SystemModstamp": time(version.modified),
        "LastStageChangeDate": time(stage_since),
        "OwnerId": deal.owner.as_ref().map(|owner| &owner.id),
        "Owner": deal.owner.as_ref().map(|owner| json!({
            "Id": owner.id, "Name": owner.full_name(), "FirstName": owner.first_name, "LastName": owner.last_name,
            "Email": owner.email,
        })),
        "AccountId": deal.company.as_ref().map(|company| &company.id),
        "Account": deal.company.as_ref().map(|company| json!({
            "Id": company.id, "Name": company.name, "Website": format!("https://{}", company.domain),
        })),
        "OpportunityContactRoles": deal.contacts.iter().flat_map(roles).collect::<Vec<Value>>(),
    });
    if records.settings.multi_currency {
        record["CurrencyIsoCode"] =
            json!(deal.amount.map_or(records.settings.currency, |amount| amount.currency));
    }
    record
}

/// One row per role; a contact without one has a row without.
fn roles(contact: &Contact) -> Vec<Value> {
    let person = &contact.person;
    let row = |role: Option<&String>| {
        json!({
            "Id": format!("00K{}", person.id.get(3..).unwrap_or_default()),
            "ContactId": person.id,
            "Role": role,
            "IsPrimary": contact.primary,
            "Contact": {
                "Id": person.id, "Name": person.full_name(), "FirstName": person.first_name,
                "LastName": person.last_name, "Email": person.email, "HasOptedOutOfEmail": contact.opted_out,
                "MailingCountry": contact.country,
            },
        })
    };
    if contact.roles.is_empty() {
        vec![row(None)]
    } else {
        contact.roles.iter().map(|role| row(Some(role))).collect()
    }
}

fn history(version: &Version) -> Vec<Value> {
    let row = |(stage, at): &(String, Timestamp)| json!({"OpportunityId": version.deal.id, "StageName": stage, "CreatedDate": time(*at)});
    version.moves.iter().map(row).collect()
}

fn field_history(version: &Version) -> Vec<Value> {
    let row = |pair: &[(String, Timestamp)]| {
        json!({"OpportunityId": version.deal.id, "Field": "StageName", "OldValue": pair[0].0, "NewValue": pair[1].0,
               "CreatedDate": time(pair[1].1)})
    };
    version.moves.windows(2).map(row).collect()
}

fn stages() -> Vec<Value> {
    let stages = [
        ("Prospecting", false, false, 10),
        ("Negotiation/Review", false, false, 90),
        ("Closed Won", true, true, 100),
        ("Closed Lost", true, false, 0),
    ];
    let row = |(name, closed, won, probability): (&str, bool, bool, u32)| {
        json!({"ApiName": name, "MasterLabel": name, "IsClosed": closed, "IsWon": won, "IsActive": true,
               "DefaultProbability": probability})
    };
    stages.into_iter().map(row).collect()
}

/// A record with every field of an object.
fn blank(records: &Records, object: &str) -> Value {
    match object {
        "OpportunityHistory" => json!({"OpportunityId": null, "StageName": null, "CreatedDate": null}),
        "OpportunityFieldHistory" => {
            json!({"OpportunityId": null, "Field": null, "OldValue": null, "NewValue": null, "CreatedDate": null})
        }
        _ => {
            let deal = super::Deal {
                crm: Crm::Salesforce,
                id: String::new(),
                name: String::new(),
                amount: None,
                stage: String::new(),
                closed_at: Timestamp::EPOCH,
                deal_type: None,
                company: None,
                owner: None,
                contacts: Vec::new(),
            };
            let modified = Timestamp::EPOCH;
            opportunity(
                records,
                &Version { deal, moves: Vec::new(), modified, deleted: false, merged_into: None },
            )
        }
    }
}

/// `2026-03-06T09:00:00.000+0000`.
fn time(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!([{"message": message, "errorCode": code}]))).into_response()
}
