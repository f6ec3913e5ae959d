//! The client against a small server that answers as HubSpot documents it.

use std::sync::{Arc, Mutex};

use afterglow_domain::Disposition;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;
use crate::testing;

/// Answers a path with a status and a body, and keeps what was asked.
#[derive(Default)]
struct Fake {
    answers: BTreeMap<&'static str, Vec<(u16, Value)>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }
}

/// The n-th request to a path gets its n-th answer, later ones the last.
async fn answer(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    assert_eq!(request.headers()["authorization"], "Bearer pat-test");
    let path = request.uri().path().to_owned();
    let before = fake.count(&path);
    fake.asked.lock().unwrap().push(path.clone());
    let Some(answers) = fake.answers.get(path.as_str()) else {
        return (http::StatusCode::NOT_FOUND, "<html>no such page</html>").into_response();
    };
    let (status, body) = &answers[before.min(answers.len() - 1)];
    let status = http::StatusCode::from_u16(*status).unwrap();
    (status, [("content-type", "application/json")], Bytes::from(body.to_string())).into_response()
}

const DEAL: &str = "/crm/v3/objects/deals/501";

fn deal() -> Value {
    json!({
        "id": "501",
        "properties": {
            "dealname": "Acme, 200 seats", "amount": "120000.50", "deal_currency_code": "EUR",
            "dealstage": "closedwon", "closedate": "2026-03-06T09:30:00Z", "dealtype": "newbusiness",
            "hubspot_owner_id": "7"
        },
        "propertiesWithHistory": { "dealstage": [
            { "value": "closedwon", "timestamp": "2026-03-06T09:30:00.123Z", "sourceType": "CRM_UI" },
            { "value": "contractsent", "timestamp": "2026-03-01T09:30:00Z" }
        ]},
        "associations": {
            "companies": { "results": [
                { "id": "9001", "type": "deal_to_company" }, { "id": "9002", "type": "deal_to_company" },
                { "id": "9002", "type": "deal_to_company_unlabeled" }
            ]},
            "contacts": { "results": [ { "id": "31", "type": "deal_to_contact" }, { "id": "4", "type": "deal_to_contact" } ] }
        },
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-03-06T09:31:00Z", "archived": false
    })
}

fn linked(links: &Value) -> Value {
    json!({ "status": "COMPLETE", "results": [ { "from": { "id": "501" }, "to": links } ] })
}

fn portal() -> Fake {
    let stage = |id: &str, closed: &str, probability: &str| json!({ "id": id, "metadata": { "isClosed": closed, "probability": probability } });
    let label = |label: &str| {
        json!([ { "category": "USER_DEFINED", "typeId": 36, "label": label },
        { "category": "HUBSPOT_DEFINED", "typeId": 3, "label": null } ])
    };
    let stages = json!([
        stage("contractsent", "false", "0.9"),
        stage("closedwon", "true", "1.0"),
        stage("closedlost", "true", "0.0")
    ]);
    let contacts = json!({ "results": [
        { "id": "31", "properties": { "firstname": "Ann", "lastname": "Lee", "email": "ann@acme.example",
            "hs_email_optout": null, "hs_timezone": "europe_slash_berlin", "country": "Germany", "hs_language": "de" } },
        { "id": "4", "properties": { "firstname": "", "email": "bob at acme", "hs_email_optout": "true" } }
    ]});
    let answers = [
        (DEAL, deal()),
        ("/crm/v3/pipelines/deals", json!({ "results": [ { "id": "default", "stages": stages } ] })),
        (
            "/crm/v3/owners/7",
            json!({ "id": "7", "email": "sam@us.example", "firstName": "Sam", "lastName": "Roe" }),
        ),
        (
            "/crm/v4/associations/deals/companies/batch/read",
            linked(&json!([
                { "toObjectId": 9001, "associationTypes": [ { "category": "HUBSPOT_DEFINED", "typeId": 341, "label": null } ] },
                { "toObjectId": 9002, "associationTypes": [ { "category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary" } ] }
            ])),
        ),
        (
            "/crm/v4/associations/deals/contacts/batch/read",
            linked(&json!([
                { "toObjectId": 31, "associationTypes": label("Decision maker") },
                { "toObjectId": 4, "associationTypes": label("Champion") }
            ])),
        ),
        (
            "/crm/v3/objects/companies/batch/read",
            json!({ "results": [ { "id": "9002", "properties": { "name": "Acme" } } ] }),
        ),
        ("/crm/v3/objects/contacts/batch/read", contacts),
        ("/account-info/v3/details", json!({ "portalId": 33, "companyCurrency": "USD" })),
    ];
    let answers = answers.into_iter().map(|(path, body)| (path, vec![(200, body)])).collect();
    Fake { answers, ..Fake::default() }
}

async fn client(fake: Fake) -> (Client, Arc<Fake>) {
    let fake = Arc::new(fake);
    let base_url = testing::serve(Router::new().fallback(answer).with_state(fake.clone())).await;
    let options = Options { base_url, ..Options::new(33, "pat-test".into()) };
    (Client::new(options, testing::http()), fake)
}

fn key() -> DealKey {
    DealKey::hubspot(33, "501").unwrap()
}

async fn read(fake: Fake) -> Result<Reading, Error> {
    client(fake).await.0.read(&key()).await
}

async fn snapshot(fake: Fake) -> Snapshot {
    match read(fake).await.unwrap() {
        Reading::Found(snapshot) => *snapshot,
        Reading::Gone => panic!("gone"),
    }
}

fn with(path: &'static str, answers: Vec<(u16, Value)>) -> Fake {
    let mut fake = portal();
    fake.answers.insert(path, answers);
    fake
}

fn changed(change: impl FnOnce(&mut Value)) -> Fake {
    let mut deal = deal();
    change(&mut deal);
    with(DEAL, vec![(200, deal)])
}

#[tokio::test]
async fn a_won_deal_is_read_whole() {
    let snapshot = snapshot(portal()).await;
    assert_eq!(snapshot.deal, key());
    assert_eq!((snapshot.name.as_str(), snapshot.stage.as_str()), ("Acme, 200 seats", "closedwon"));
    assert_eq!(snapshot.status, Status::Won);
    assert_eq!(snapshot.amount, Some(Money::new(12_000_050, Currency::EUR)));
    assert_eq!(snapshot.close_date, Some(CloseDate::Instant("2026-03-06T09:30:00Z".parse().unwrap())));
    assert_eq!(snapshot.won_at, Some("2026-03-06T09:30:00.123Z".parse().unwrap()));
    assert_eq!(snapshot.modified, "2026-03-06T09:31:00Z".parse().unwrap());
    assert_eq!(snapshot.deal_type.as_deref(), Some("new_business"));
    let account = snapshot.account.as_ref().unwrap();
    assert_eq!((account.key.as_str(), account.name.as_str()), ("hubspot:33:9002", "Acme"));
    assert_eq!(snapshot.owner.as_ref().unwrap().email, Some("sam@us.example".into()));
    let [bob, ann] = snapshot.contacts.as_slice() else { panic!("{:?}", snapshot.contacts) };
    assert_eq!((bob.id.as_str(), &bob.email, bob.opted_out, &bob.first_name), ("4", &None, true, &None));
    assert_eq!(bob.roles, ["champion"]);
    assert_eq!(
        (ann.roles.as_slice(), ann.zone.as_deref()),
        (&["decision_maker".to_owned()][..], Some("Europe/Berlin"))
    );
    assert_eq!(ann.email, Some("ann@acme.example".into()));
    assert!(!format!("{snapshot:?}").contains("ann@"), "personal data does not print");
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}

#[tokio::test]
async fn owners_and_pipelines_are_asked_once() {
    let (client, fake) = client(portal()).await;
    let first = client.read(&key()).await.unwrap();
    assert_eq!(client.read(&key()).await.unwrap(), first);
    assert_eq!(fake.count(DEAL), 2);
    assert_eq!((fake.count("/crm/v3/owners/7"), fake.count("/crm/v3/pipelines/deals")), (1, 1));
    assert_eq!(fake.count("/account-info/v3/details"), 0, "the deal names its currency");
}

#[tokio::test]
async fn a_merged_deal_answers_with_the_survivors_id() {
    let snapshot = snapshot(changed(|deal| deal["id"] = json!("777"))).await;
    assert_eq!(snapshot.deal, DealKey::hubspot(33, "777").unwrap());
}

#[tokio::test]
async fn a_missing_or_archived_deal_is_gone_but_a_strangers_404_is_not() {
    let missing = json!({ "status": "error", "category": "OBJECT_NOT_FOUND" });
    assert_eq!(read(with(DEAL, vec![(404, missing)])).await, Ok(Reading::Gone));
    assert_eq!(read(changed(|deal| deal["archived"] = json!(true))).await, Ok(Reading::Gone));
    let error = read(Fake::default()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Park, "{error}");
}

#[tokio::test]
async fn an_unknown_stage_refreshes_the_pipelines_and_then_asks_hubspots_own_view() {
    let fake = changed(|deal| {
        deal["properties"]["dealstage"] = json!("99");
        deal["properties"]["hs_is_closed_won"] = json!("true");
    });
    let (client, fake) = client(fake).await;
    let Reading::Found(snapshot) = client.read(&key()).await.unwrap() else { panic!("gone") };
    assert_eq!((snapshot.status, fake.count("/crm/v3/pipelines/deals")), (Status::Won, 2));
}

#[tokio::test]
async fn a_deal_without_currency_takes_the_portals() {
    let bare = || {
        changed(|deal| {
            deal["properties"]["deal_currency_code"] = Value::Null;
            deal["properties"]["amount"] = json!("0.1000000000000000055");
        })
    };
    let precise = snapshot(bare()).await;
    assert!(precise.amount_problem.unwrap().contains("USD"), "exact or not at all");
    let mut fake = bare();
    fake.answers.insert("/account-info/v3/details", vec![(403, json!({ "status": "error" }))]);
    let unknown = snapshot(fake).await;
    assert_eq!(unknown.amount, None);
    assert!(unknown.amount_problem.unwrap().contains("set the connection's currency"));
}

#[tokio::test]
async fn a_contact_that_is_gone_is_left_out_and_half_an_answer_is_none() {
    const CONTACTS: &str = "/crm/v3/objects/contacts/batch/read";
    let partial = |category: &str| json!({ "results": [ { "id": "31", "properties": {} } ], "numErrors": 1, "errors": [ { "category": category } ] });
    let snapshot = snapshot(with(CONTACTS, vec![(207, partial("OBJECT_NOT_FOUND"))])).await;
    assert_eq!(snapshot.contacts.len(), 1);
    assert_eq!(snapshot.contacts[0].roles, ["decision_maker", "primary_contact"]);
    let error = read(with(CONTACTS, vec![(207, partial("RATE_LIMIT"))])).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn passing_trouble_is_retried_and_lasting_trouble_told() {
    let (client, fake) = client(with(DEAL, vec![(503, json!({})), (200, deal())])).await;
    client.read(&key()).await.unwrap();
    assert_eq!(fake.count(DEAL), 2);
    let (client, fake) = self::client(with(DEAL, vec![(502, json!({}))])).await;
    let error = client.read(&key()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { status: Some(502), .. }), "{error}");
    assert_eq!(fake.count(DEAL), 3);
}

#[tokio::test]
async fn limits_and_refused_credentials_are_not_retried() {
    let limit = |policy: &str| json!({ "status": "error", "errorType": "RATE_LIMIT", "policyName": policy });
    for (status, body, pause) in [
        (429, limit("TEN_SECONDLY_ROLLING"), 10),
        (429, limit("DAILY"), 900),
        (401, json!({ "status": "error", "message": "ann@acme.example" }), 900),
        (423, json!({}), 5),
    ] {
        let (client, fake) = client(with(DEAL, vec![(status, body)])).await;
        let error = client.read(&key()).await.unwrap_err();
        assert_eq!((error.pause().as_secs(), fake.count(DEAL)), (pause, 1), "{error}");
        assert_eq!(error.disposition(), Disposition::Retry);
        assert!(!error.to_string().contains("ann@"));
    }
}

#[tokio::test]
async fn a_huge_answer_and_a_foreign_deal_are_refused() {
    let huge = json!({ "id": "501", "properties": { "dealname": "x".repeat(1_100_000) } });
    assert!(matches!(read(with(DEAL, vec![(200, huge)])).await, Err(Error::Invalid { .. })));
    let (client, fake) = client(portal()).await;
    for foreign in
        ["hubspot:44:deal:501", "hubspot:33:deal:501?x=1", "hubspot:33:deal:..", "salesforce:a:opportunity:b"]
    {
        let outcome = client.read(&DealKey::new(foreign).unwrap()).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{foreign}");
    }
    assert!(fake.asked.lock().unwrap().is_empty());
}
