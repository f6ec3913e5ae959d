//! The client against a small server that answers as Salesforce documents it.

use std::sync::{Arc, Mutex};

use afterglow_domain::{Disposition, Money};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::testing;

const ORG: &str = "00Dxx0000001gPFEAY";
const ID: &str = "006xx000001a2bcAAA";

/// An org: what it answers, and what it was asked.
struct Org {
    record: Option<Value>,
    history: Option<Value>,
    hidden: Vec<&'static str>,
    /// Overrides the next queries' answers, first to last.
    trouble: Mutex<Vec<(u16, Value)>>,
    login: (u16, Value),
    logins: Mutex<usize>,
    queries: Mutex<Vec<String>>,
    instance_url: Mutex<String>,
}

async fn login(State(org): State<Arc<Org>>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(body, "grant_type=client_credentials");
    assert_eq!(headers["authorization"], "Basic a2V5OnNlY3JldA==", "key:secret");
    *org.logins.lock().unwrap() += 1;
    let (status, mut body) = org.login.clone();
    body["instance_url"] = json!(*org.instance_url.lock().unwrap());
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn query(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    assert_eq!(headers["authorization"], "Bearer 00D!token");
    let soql = query[0].1.clone();
    org.queries.lock().unwrap().push(soql.clone());
    let mut trouble = org.trouble.lock().unwrap();
    let (status, body) = if trouble.is_empty() { org.answer(&soql) } else { trouble.remove(0) };
    (StatusCode::from_u16(status).unwrap(), [("sforce-limit-info", "api-usage=18/5000")], Json(body))
        .into_response()
}

impl Org {
    fn answer(&self, soql: &str) -> (u16, Value) {
        if let Some(hidden) = self.hidden.iter().find(|field| soql.contains(**field)) {
            // The message repeats part of the query, other optional fields included.
            let message = format!(
                "\nIsWon, CurrencyIsoCode, LastStageChangeDate\n ^\nERROR at Row:1:Column:20\nNo such column '{hidden}' on entity 'Opportunity'."
            );
            return (400, json!([{ "message": message, "errorCode": "INVALID_FIELD" }]));
        }
        let found = if soql.contains("FROM OpportunityHistory") { &self.history } else { &self.record };
        match found {
            Some(Value::Array(records)) => {
                (200, json!({ "totalSize": records.len(), "done": true, "records": records }))
            }
            Some(record) => (200, json!({ "totalSize": 1, "done": true, "records": [record] })),
            None if soql.contains("OpportunityHistory") => (
                400,
                json!([{ "message": "sObject type 'OpportunityHistory' is not supported.", "errorCode": "INVALID_TYPE" }]),
            ),
            None => (200, json!({ "totalSize": 0, "done": true, "records": [] })),
        }
    }
}

fn role(id: &str, role: &str, primary: bool, contact: &Value) -> Value {
    json!({ "attributes": { "type": "OpportunityContactRole" }, "ContactId": id, "Role": role, "IsPrimary": primary, "Contact": contact })
}

fn record() -> Value {
    let ann = json!({ "FirstName": "Ann", "LastName": "Lee", "Email": "ann@acme.example", "HasOptedOutOfEmail": false, "MailingCountry": "Germany" });
    let bob = json!({ "FirstName": null, "LastName": "Bow", "Email": null, "HasOptedOutOfEmail": true });
    json!({
        "attributes": { "type": "Opportunity", "url": "/services/data/v66.0/sobjects/Opportunity/006xx000001a2bcAAA" },
        "Id": ID, "Name": "Acme, 200 seats", "Amount": 1.2E7, "CurrencyIsoCode": "EUR", "CloseDate": "2026-09-30",
        "StageName": "Closed Won", "IsWon": true, "IsClosed": true, "IsDeleted": false, "Type": "New Business",
        "LastModifiedDate": "2026-09-30T10:00:00.000+0000", "LastStageChangeDate": "2026-09-29T10:00:00.000+0000",
        "OwnerId": "005xx000001SvogAAC", "Owner": { "FirstName": "Sam", "LastName": "Roe", "Email": "sam@us.example" },
        "AccountId": "001xx000003DGb2AAG", "Account": { "Name": "Acme" },
        "OpportunityContactRoles": { "totalSize": 3, "done": true, "records": [
            role("003xx000001aaabAAA", "Decision Maker", true, &ann),
            role("003xx000001aaabAAA", "Champion", false, &ann),
            role("003xx000001aaaaAAA", "Influencer", false, &bob),
        ]}
    })
}

fn org() -> Org {
    let row = |stage: &str, at: &str| json!({ "StageName": stage, "CreatedDate": at });
    Org {
        record: Some(record()),
        history: Some(json!([
            row("Closed Won", "2026-09-28T10:00:00.000+0000"),
            row("Closed Won", "2026-09-27T10:00:00.000+0000"),
            row("Negotiation", "2026-09-20T10:00:00.000+0000"),
        ])),
        hidden: Vec::new(),
        trouble: Mutex::default(),
        login: (200, json!({ "access_token": "00D!token", "token_type": "Bearer" })),
        logins: Mutex::default(),
        queries: Mutex::default(),
        instance_url: Mutex::default(),
    }
}

fn changed(change: impl FnOnce(&mut Value)) -> Org {
    let mut record = record();
    change(&mut record);
    Org { record: Some(record), ..org() }
}

async fn client(org: Org) -> (Client, Arc<Org>) {
    let org = Arc::new(org);
    let router = Router::new()
        .route("/services/oauth2/token", post(login))
        .route("/services/data/v66.0/query", get(query))
        .with_state(org.clone());
    let base_url = testing::serve(router).await;
    org.instance_url.lock().unwrap().clone_from(&base_url);
    let options = Options::new(base_url, ORG.into(), "key".into(), "secret".into());
    (Client::new(options, testing::http()), org)
}

fn key() -> DealKey {
    DealKey::salesforce(ORG, ID).unwrap()
}

async fn read(org: Org) -> Result<Reading, Error> {
    client(org).await.0.read(&key()).await
}

async fn snapshot(org: Org) -> Snapshot {
    match read(org).await.unwrap() {
        Reading::Found(snapshot) => *snapshot,
        Reading::Gone => panic!("gone"),
    }
}

#[tokio::test]
async fn a_won_opportunity_is_read_whole() {
    let snapshot = snapshot(org()).await;
    assert_eq!(snapshot.deal, key());
    assert_eq!(snapshot.amount, Some(Money::new(1_200_000_000, Currency::EUR)));
    assert_eq!((snapshot.status, snapshot.stage.as_str()), (Status::Won, "Closed Won"));
    assert_eq!(snapshot.close_date, Some(CloseDate::Day("2026-09-30".parse().unwrap())));
    assert_eq!(snapshot.won_at, Some("2026-09-27T10:00:00Z".parse().unwrap()));
    assert_eq!(snapshot.modified, "2026-09-30T10:00:00Z".parse().unwrap());
    assert_eq!(snapshot.deal_type.as_deref(), Some("new_business"));
    assert_eq!(snapshot.account.unwrap().key.as_str(), "salesforce:00Dxx0000001gPFEAY:001xx000003DGb2AAG");
    assert_eq!(snapshot.owner.unwrap().email, Some("sam@us.example".into()));
    let [bob, ann] = snapshot.contacts.as_slice() else { panic!("{:?}", snapshot.contacts) };
    assert_eq!(
        (bob.opted_out, &bob.email, bob.roles.as_slice()),
        (true, &None, &["influencer".to_owned()][..])
    );
    assert_eq!(ann.roles, ["champion", "decision_maker", "primary_contact"]);
    assert_eq!(ann.country.as_deref(), Some("Germany"));
}

#[tokio::test]
async fn won_and_lost_are_what_the_flags_say_not_the_label() {
    let lost = snapshot(changed(|record| record["IsWon"] = json!(false))).await;
    assert_eq!((lost.status, lost.won_at), (Status::Lost, None));
    let open = snapshot(changed(|record| {
        record["IsWon"] = json!(false);
        record["IsClosed"] = json!(false);
        record["OpportunityContactRoles"] = Value::Null;
        record["AccountId"] = Value::Null;
        record["Amount"] = Value::Null;
    }))
    .await;
    assert_eq!((open.status, open.contacts.len(), open.account, open.amount), (Status::Open, 0, None, None));
}

#[tokio::test]
async fn a_deleted_or_hidden_opportunity_is_gone() {
    assert_eq!(read(Org { record: None, ..org() }).await, Ok(Reading::Gone));
    assert_eq!(read(changed(|record| record["IsDeleted"] = json!(true))).await, Ok(Reading::Gone));
}

#[tokio::test]
async fn fields_an_org_lacks_are_probed_once() {
    let record = {
        let mut record = record();
        let fields = record.as_object_mut().unwrap();
        fields.remove("CurrencyIsoCode");
        fields.remove("LastStageChangeDate");
        record
    };
    let hidden = vec!["LastStageChangeDate", "CurrencyIsoCode"];
    let (client, org) = client(Org { record: Some(record), history: None, hidden, ..org() }).await;
    let Reading::Found(snapshot) = client.read(&key()).await.unwrap() else { panic!("gone") };
    assert_eq!(snapshot.won_at, Some(snapshot.modified), "no history, no stage date: the last change");
    assert!(snapshot.amount_problem.unwrap().contains("set the connection's currency"));
    assert_eq!(org.queries.lock().unwrap().len(), 4, "two refused fields, the record, the refused history");
    client.read(&key()).await.unwrap();
    assert_eq!(org.queries.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn without_a_history_the_last_change_of_stage_counts() {
    let snapshot = snapshot(Org { history: None, ..org() }).await;
    assert_eq!(snapshot.won_at, Some("2026-09-29T10:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_field_that_must_be_readable_is_named_with_the_remedy() {
    let error = read(Org { hidden: vec!["HasOptedOutOfEmail"], ..org() }).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Park);
    assert!(error.to_string().contains("HasOptedOutOfEmail is hidden"), "{error}");
}

#[tokio::test]
async fn an_ended_session_is_renewed_once() {
    let expired =
        || (401, json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]));
    let (client, org) = client(org()).await;
    org.trouble.lock().unwrap().push(expired());
    client.read(&key()).await.unwrap();
    assert_eq!(*org.logins.lock().unwrap(), 2);
    client.read(&key()).await.unwrap();
    assert_eq!(*org.logins.lock().unwrap(), 2, "the token is kept");
    org.trouble.lock().unwrap().extend([expired(), expired()]);
    let error = client.read(&key()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorised { status: 401, .. }), "{error}");
}

#[tokio::test]
async fn a_refused_login_is_a_broken_connection() {
    let login =
        (400, json!({ "error": "invalid_client", "error_description": "invalid client credentials" }));
    let error = read(Org { login, ..org() }).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorised { status: 400, .. }), "{error}");
}

#[tokio::test]
async fn limits_and_trouble_are_told_apart() {
    let limit =
        json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    let error = read(Org { trouble: Mutex::new(vec![(403, limit)]), ..org() }).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error}");
    let disabled = json!([{ "message": "…", "errorCode": "API_DISABLED_FOR_ORG" }]);
    let error = read(Org { trouble: Mutex::new(vec![(403, disabled)]), ..org() }).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorised { status: 403, .. }), "{error}");
    let (client, org) = client(Org { trouble: Mutex::new(vec![(503, json!([]))]), ..org() }).await;
    client.read(&key()).await.unwrap();
    assert_eq!(org.queries.lock().unwrap().len(), 3, "tried again, then the history");
}

#[tokio::test]
async fn no_query_is_made_of_what_is_not_an_id() {
    let (client, org) = client(org()).await;
    for foreign in [
        "salesforce:00Dxx0000001gPFEAY:opportunity:x'OR'Id'!='",
        "salesforce:00Dxx0000001gPFEAY:opportunity:006xx000001a2bc",
        "salesforce:00D7F00000107XsUAI:opportunity:006xx000001a2bcAAA",
        "hubspot:33:deal:5",
    ] {
        let outcome = client.read(&DealKey::new(foreign).unwrap()).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{foreign}");
    }
    assert_eq!(*org.logins.lock().unwrap(), 0);
}
