//! HubSpot's CRM API, as much as a reader of deals needs. All property values are strings; only what is
//! asked for is answered, as there.

use afterglow_domain::{Crm, Timestamp};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Company, Contact, Records, Trouble, Version};

/// Association types defined by HubSpot: deal to contact, deal to company, deal to its primary company.
const DEAL_CONTACT: u32 = 3;
const DEAL_COMPANY: u32 = 341;
const DEAL_PRIMARY_COMPANY: u32 = 5;
/// The first of the portal's own association labels.
const OWN_LABELS: u32 = 36;

pub(super) fn router(records: &Records) -> Router {
    let api = Router::new()
        .route("/crm/{version}/objects/deals/{id}", get(deal))
        .route("/crm/{version}/objects/{kind}/{id}", get(object))
        .route("/crm/{version}/objects/{kind}/batch/read", post(batch_read))
        .route("/crm/{version}/objects/deals/{id}/associations/{to}", get(associations))
        .route("/crm/{version}/associations/deals/{to}/batch/read", post(batch_associations))
        .route("/crm/{version}/owners/{id}", get(owner))
        .route("/crm/{version}/pipelines/deals", get(pipelines))
        .route("/account-info/{version}/details", get(account))
        .fallback(|| async { not_found() })
        .layer(middleware::from_fn_with_state(records.clone(), admit))
        .with_state(records.clone());
    Router::new().nest("/hubspot", api)
}

/// Trouble and token first; the made answer waits while answers are held.
async fn admit(State(records): State<Records>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", records.settings.hubspot_token);
    let known =
        request.headers().get("authorization").is_some_and(|given| given.as_bytes() == expected.as_bytes());
    let answer = match records.trouble(Crm::Hubspot) {
        Some(Trouble::Outage) => error(503, "The service is temporarily unavailable", "SERVICE_UNAVAILABLE"),
        Some(Trouble::RateLimit) => rate_limit(),
        Some(Trouble::Unauthorised) => unauthorised(),
        Some(Trouble::Nonsense) => super::NONSENSE.into_response(),
        None if !known => unauthorised(),
        None => next.run(request).await,
    };
    records.released().await;
    answer
}

type Asked = Query<Vec<(String, String)>>;

/// The values of a parameter that may be repeated or divided by commas.
fn asked<'q>(query: &'q Asked, name: &str) -> Vec<&'q str> {
    query
        .0
        .iter()
        .filter(|(key, _)| key == name)
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .collect()
}

async fn deal(
    State(records): State<Records>,
    Path((_, id)): Path<(String, String)>,
    query: Asked,
) -> Response {
    let Some(version) = records.read(Crm::Hubspot, &id).filter(|version| !version.deleted) else {
        return not_found();
    };
    let history = asked(&query, "propertiesWithHistory").contains(&"dealstage");
    let mut body = deal_json(&version, &asked(&query, "properties"), history);
    let wanted = asked(&query, "associations");
    let mut found = Map::new();
    for (kind, singular) in [("companies", "company"), ("contacts", "contact")] {
        let linked = linked(&version, kind);
        if wanted.iter().any(|wanted| [kind, singular].contains(wanted)) && !linked.is_empty() {
            let name = format!("deal_to_{singular}");
            let results: Vec<Value> = linked.iter().map(|(id, _)| json!({"id": id, "type": name})).collect();
            found.insert(kind.to_owned(), json!({"results": results}));
        }
    }
    if !found.is_empty() {
        body["associations"] = Value::Object(found);
    }
    Json(body).into_response()
}

async fn object(
    State(records): State<Records>,
    Path((_, kind, id)): Path<(String, String, String)>,
    query: Asked,
) -> Response {
    person_or_company(&records, &kind, &id, &asked(&query, "properties"))
        .map_or_else(not_found, |found| Json(found).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchRead {
    inputs: Vec<Input>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
}

#[derive(Deserialize)]
struct Input {
    id: String,
}

/// Up to 100; 207 where one is missing. Cannot answer associations.
async fn batch_read(
    State(records): State<Records>,
    Path((_, kind)): Path<(String, String)>,
    Json(batch): Json<BatchRead>,
) -> Response {
    if batch.inputs.len() > 100 {
        return error(400, "more than 100 inputs", "VALIDATION_ERROR");
    }
    let properties: Vec<&str> = batch.properties.iter().map(String::as_str).collect();
    let history = batch.properties_with_history.iter().any(|property| property == "dealstage");
    let find = |id: &str| match kind.as_str() {
        "deals" => {
            let version = records.read(Crm::Hubspot, id).filter(|version| !version.deleted)?;
            Some(deal_json(&version, &properties, history))
        }
        _ => person_or_company(&records, &kind, id, &properties),
    };
    answer_batch(&batch.inputs.iter().map(|input| (input.id.as_str(), find(&input.id))).collect::<Vec<_>>())
}

fn answer_batch(found: &[(&str, Option<Value>)]) -> Response {
    let missing: Vec<&str> = found.iter().filter(|(_, value)| value.is_none()).map(|(id, _)| *id).collect();
    let results: Vec<&Value> = found.iter().filter_map(|(_, value)| value.as_ref()).collect();
    let mut body = json!({"status": "COMPLETE", "results": results});
    if missing.is_empty() {
        return Json(body).into_response();
    }
    body["numErrors"] = json!(1);
    let message = "Could not get some objects, they may be deleted or not exist. Check that ids are valid.";
    body["errors"] = json!([{"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}]);
    (StatusCode::MULTI_STATUS, Json(body)).into_response()
}

async fn associations(
    State(records): State<Records>,
    Path((_, id, to)): Path<(String, String, String)>,
) -> Response {
    match records.read(Crm::Hubspot, &id).filter(|version| !version.deleted) {
        Some(version) => Json(json!({"results": linked_json(&version, &to)})).into_response(),
        None => not_found(),
    }
}

async fn batch_associations(
    State(records): State<Records>,
    Path((_, to)): Path<(String, String)>,
    Json(batch): Json<BatchRead>,
) -> Response {
    let find = |id: &str| {
        let version = records.read(Crm::Hubspot, id).filter(|version| !version.deleted)?;
        Some(json!({"from": {"id": version.deal.id}, "to": linked_json(&version, &to)}))
    };
    answer_batch(&batch.inputs.iter().map(|input| (input.id.as_str(), find(&input.id))).collect::<Vec<_>>())
}

async fn owner(State(records): State<Records>, Path((_, id)): Path<(String, String)>) -> Response {
    let owner = |version: &Version| version.deal.owner.clone().filter(|owner| owner.id == id);
    match records.find(Crm::Hubspot, &id, owner) {
        Some(owner) => Json(json!({
            "id": owner.id, "email": owner.email, "firstName": owner.first_name, "lastName": owner.last_name,
            "userId": owner.id.parse::<i64>().unwrap_or_default(), "archived": false, "type": "PERSON",
        }))
        .into_response(),
        None => not_found(),
    }
}

async fn pipelines() -> Json<Value> {
    let stage = |(order, (id, label, closed, probability)): (usize, (&str, &str, &str, &str))| {
        json!({"id": id, "label": label, "displayOrder": order, "archived": false,
               "metadata": {"isClosed": closed, "probability": probability}})
    };
    let stages = [
        ("appointmentscheduled", "Appointment Scheduled", "false", "0.2"),
        ("contractsent", "Contract Sent", "false", "0.9"),
        ("closedwon", "Closed Won", "true", "1.0"),
        ("closedlost", "Closed Lost", "true", "0.0"),
    ];
    let stages: Vec<Value> = stages.into_iter().enumerate().map(stage).collect();
    Json(
        json!({"results": [{"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "archived": false, "stages": stages}]}),
    )
}

async fn account(State(records): State<Records>) -> Json<Value> {
    let settings = &records.settings;
    Json(json!({
        "portalId": settings.portal, "accountType": "DEVELOPER_TEST", "timeZone": "UTC", "companyCurrency": settings.currency,
        "additionalCurrencies": [], "utcOffset": "+00:00", "utcOffsetMilliseconds": 0,
        "uiDomain": "app.hubspot.com", "dataHostingLocation": "eu1",
    }))
}

fn deal_json(version: &Version, properties: &[&str], history: bool) -> Value {
    let deal = &version.deal;
    let created = version.moves.first().map_or(version.modified, |(_, at)| *at);
    let all = json!({
        "dealname": deal.name,
        "amount": deal.amount.map(|amount| amount.decimal()),
        "deal_currency_code": deal.amount.map(|amount| amount.currency),
        "dealstage": deal.stage,
        "pipeline": "default",
        "closedate": time(deal.closed_at),
        "hubspot_owner_id": deal.owner.as_ref().map(|owner| &owner.id),
        "hs_is_closed_won": deal.is_won().to_string(),
        "hs_is_closed": deal.is_closed().to_string(),
        "dealtype": deal.deal_type,
    });
    let always = [("createdate", created), ("hs_lastmodifieddate", version.modified)];
    let mut body = record(&deal.id, &all, properties, always);
    if history {
        // The newest first, as there.
        let moves = version.moves.iter().rev();
        let moves: Vec<Value> = moves
            .map(|(stage, at)| json!({"value": stage, "timestamp": time(*at), "sourceType": "CRM_UI"}))
            .collect();
        body["propertiesWithHistory"] = json!({"dealstage": moves});
    }
    body
}

/// A record with the asked properties, and those that are always there.
fn record(id: &str, all: &Value, properties: &[&str], always: [(&str, Timestamp); 2]) -> Value {
    let mut given = Map::new();
    for property in properties {
        given.insert((*property).to_owned(), all.get(*property).cloned().unwrap_or(Value::Null));
    }
    given.insert("hs_object_id".to_owned(), json!(id));
    for (name, at) in always {
        given.insert(name.to_owned(), json!(time(at)));
    }
    let [(_, created), (_, modified)] = always;
    json!({"id": id, "properties": given, "createdAt": time(created), "updatedAt": time(modified), "archived": false})
}

fn person_or_company(records: &Records, kind: &str, id: &str, properties: &[&str]) -> Option<Value> {
    let found = records.find(Crm::Hubspot, id, |version| {
        let deal = &version.deal;
        let all = match kind {
            "contacts" => deal.contacts.iter().find(|c| c.person.id == id).map(contact_json),
            "companies" => deal.company.as_ref().filter(|c| c.id == id).map(company_json),
            _ => None,
        };
        all.map(|all| (all, version.modified))
    });
    let (all, at) = found?;
    let modified = if kind == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" };
    Some(record(id, &all, properties, [("createdate", at), (modified, at)]))
}

fn contact_json(contact: &Contact) -> Value {
    let person = &contact.person;
    json!({
        "firstname": person.first_name,
        "lastname": person.last_name,
        "email": person.email,
        "hs_email_optout": contact.opted_out.then_some("true"),
        "country": contact.country,
        "hs_language": contact.language,
        // HubSpot's own spelling of a zone: `europe_slash_berlin`.
        "hs_timezone": contact.zone.as_ref().map(|zone| zone.to_lowercase().replace('/', "_slash_")),
    })
}

fn company_json(company: &Company) -> Value {
    json!({"name": company.name, "domain": company.domain})
}

/// What a deal is associated with: ids and labels.
fn linked(version: &Version, to: &str) -> Vec<(String, Vec<Value>)> {
    let defined =
        |id: u32, label: Option<&str>| json!({"category": "HUBSPOT_DEFINED", "typeId": id, "label": label});
    match to {
        "companies" | "company" => {
            let labels = vec![defined(DEAL_PRIMARY_COMPANY, Some("Primary")), defined(DEAL_COMPANY, None)];
            version.deal.company.iter().map(|company| (company.id.clone(), labels.clone())).collect()
        }
        "contacts" | "contact" => {
            let labels = |contact: &Contact| {
                let own = (OWN_LABELS..).zip(&contact.roles);
                let own =
                    own.map(|(id, role)| json!({"category": "USER_DEFINED", "typeId": id, "label": role}));
                own.chain([defined(DEAL_CONTACT, None)]).collect()
            };
            version.deal.contacts.iter().map(|contact| (contact.person.id.clone(), labels(contact))).collect()
        }
        _ => Vec::new(),
    }
}

/// The fourth version of associations has numbers for ids.
fn linked_json(version: &Version, to: &str) -> Vec<Value> {
    let one = |(id, types): (String, Vec<Value>)| json!({"toObjectId": id.parse::<i64>().unwrap_or_default(), "associationTypes": types});
    linked(version, to).into_iter().map(one).collect()
}

fn time(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn not_found() -> Response {
    error(404, "resource not found", "OBJECT_NOT_FOUND")
}

fn unauthorised() -> Response {
    error(401, "Authentication credentials not found or not valid", "INVALID_AUTHENTICATION")
}

fn rate_limit() -> Response {
    let body = json!({
        "status": "error", "message": "You have reached your ten_secondly_rolling limit.", "errorType": "RATE_LIMIT",
        "correlationId": "00000000-0000-4000-8000-000000000000", "policyName": "TEN_SECONDLY_ROLLING",
    });
    (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
}

fn error(status: u16, message: &str, category: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let correlation = "00000000-0000-4000-8000-000000000000";
    let body =
        json!({"status": "error", "message": message, "correlationId": correlation, "category": category});
    (status, Json(body)).into_response()
}
