//! The edge over its routes: what is answered, and what is in the log then.

use std::sync::Arc;
use std::time::Duration;

use afterglow_crm::hubspot::signature::{Request as Signed, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_crm::salesforce::reply;
use afterglow_domain::clock::ManualClock;
use afterglow_domain::{HomeKey, TouchpointId};
use afterglow_events::proto::{WebhookKind, WebhookReceived, signal};
use afterglow_events::{Body as EventBody, Topic};
use afterglow_service::unsubscribe::{Unsubscribe, sign};
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::testing::{Log, START};

const SECRET: &str = "current-secret-of-the-app";
const OLD_SECRET: &str = "previous-secret-of-the-app";
const TOKEN: &str = "a-long-token-in-the-path";
const ORG: &str = "00Dxx0000001gPFEAY";
const PATH: &str = "/webhooks/hubspot/hub";

fn connection(id: &str, kind: EdgeKind) -> EdgeConnection {
    EdgeConnection {
        id: ConnectionId::new(id).unwrap(),
        tenant: Tenant::new("acme").unwrap(),
        public_url: "https://hooks.acme.example".to_owned(),
        kind,
    }
}

fn edge(log: &Log) -> Router {
    let secrets = Secrets::new(SECRET.into(), Some(OLD_SECRET.into())).unwrap();
    let hubspot = EdgeKind::Hubspot { portal: 33, verifier: Verifier { secrets, allow_v1: false } };
    let tokens = Secrets::new(TOKEN.into(), Some("previous-token".into())).unwrap();
    let salesforce = EdgeKind::Salesforce { org18: ORG.to_owned(), tokens };
    let connections = vec![connection("hub", hubspot), connection("force", salesforce)];
    let mut options = EdgeOptions::new(connections, vec!["new".into(), "old".into()]);
    options.append_timeout = Duration::from_millis(50);
    router(options, log.clone(), Clocks::same(Arc::new(ManualClock::new(START))))
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(log: &Log, request: Request<Body>) -> Answer {
    let response = edge(log).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).unwrap()
}

/// A request to `path` with a v3 signature over the configured public URL.
fn signed(path: &str, body: &str, secret: &str) -> Request<Body> {
    let uri = format!("https://hooks.acme.example{path}");
    let signature = sign_v3(
        &SecretString::from(secret.to_owned()),
        &Signed { method: "POST", uri: &uri, body: body.as_bytes() },
        START,
    );
    Request::post(path)
        .header("host", "internal:8080")
        .header(V3_HEADER, signature)
        .header(TIMESTAMP_HEADER, START.as_millis().to_string())
        .body(Body::from(body.to_owned()))
        .unwrap()
}

fn event(id: u64, stage: &str) -> String {
    format!(
        r#"{{"eventId":{id},"portalId":33,"occurredAt":1772789399000,"subscriptionType":"deal.propertyChange","objectId":{id},"propertyName":"dealstage","propertyValue":"{stage}"}}"#
    )
}

fn webhooks(log: &Log) -> Vec<(String, WebhookReceived)> {
    let received = |event: afterglow_events::Event| match event.body {
        EventBody::WebhookReceived(message) => (event.envelope.subject, *message),
        other => panic!("{}", other.type_name()),
    };
    log.events(Topic::Webhooks).into_iter().map(received).collect()
}

#[tokio::test]
async fn each_event_of_a_signed_batch_is_a_record_with_its_own_bytes() {
    let log = Log::default();
    let (first, second) = (event(1, "closedwon"), event(2, "sent"));
    let body = format!(
        r#"[{first}, {second}, {{"portalId":33,"subscriptionType":"contact.creation","objectId":5}}]"#
    );
    let answer = ask(&log, signed(PATH, &body, SECRET)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"accepted":2,"ignored":1,"unusable":0}"#));
    let records = webhooks(&log);
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].0, "acme/hub/deal/1");
    assert_eq!(records[0].1.body, first.as_bytes());
    assert_eq!(records[0].1.deal, "hubspot:33:deal:1");
    assert_eq!(records[0].1.hinted_stage, "closedwon");
    assert_eq!(records[1].1.body, second.as_bytes());
    assert!(records[2].1.deal.is_empty() && records[2].0.starts_with("acme/hub/other/"));
    let trace = log.events(Topic::Webhooks)[0].envelope.traceparent.clone().unwrap();
    assert_eq!(trace.len(), 55);
}

#[tokio::test]
async fn both_secrets_are_good_and_the_old_one_is_no_worse() {
    let log = Log::default();
    for secret in [SECRET, OLD_SECRET] {
        assert_eq!(ask(&log, signed(PATH, &event(1, "won"), secret)).await.status, 200);
    }
    assert_eq!(webhooks(&log).len(), 2);
}

#[tokio::test]
async fn what_is_not_authentic_gets_one_answer_and_stores_nothing() {
    let log = Log::default();
    let body = event(1, "closedwon");
    let mut altered = signed(PATH, &body, SECRET);
    *altered.body_mut() = Body::from(body.replace("closedwon", "closedwin"));
    let requests = [
        post(PATH, body.clone()),
        signed(PATH, &body, "wrong-secret"),
        altered,
        signed("/webhooks/hubspot/nobody", &body, SECRET),
        signed("/webhooks/hubspot/force", &body, SECRET),
        post(&format!("/webhooks/salesforce/hub/{TOKEN}"), SOAP),
        post(&format!("/webhooks/salesforce/nobody/{TOKEN}"), SOAP),
        post("/webhooks/salesforce/force/wrong", SOAP),
    ];
    let mut bodies = Vec::new();
    for request in requests {
        let answer = ask(&log, request).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the answers tell nothing apart: {bodies:?}");
    assert!(webhooks(&log).is_empty());
}

#[tokio::test]
async fn authentic_but_unusable_is_kept_raw_and_answered_with_success() {
    let log = Log::default();
    let foreign = event(1, "closedwon").replace("\"portalId\":33", "\"portalId\":34");
    let body = format!("[{}, {foreign}, {{\"portalId\":33}}]", event(2, "sent"));
    let answer = ask(&log, signed(PATH, &body, SECRET)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"accepted":1,"ignored":0,"unusable":2}"#));
    for whole in ["", "nonsense", "[1", "{\"a\":1,\"a\":2}"] {
        assert_eq!(ask(&log, signed(PATH, whole, SECRET)).await.status, 200, "{whole:?}");
    }
    let records = webhooks(&log);
    let unparsed: Vec<_> = records.iter().filter(|(_, it)| it.kind() == WebhookKind::Unparsed).collect();
    assert_eq!(unparsed.len(), 6);
    assert!(unparsed[0].1.reason.contains("portal_id") && unparsed[0].1.body == foreign.as_bytes());
    assert!(unparsed.iter().all(|(key, it)| key.starts_with("acme/hub/unparsed/") && !it.reason.is_empty()));
}

#[tokio::test]
async fn an_event_too_large_for_a_record_is_kept_cut() {
    let log = Log::default();
    let body = event(1, &"x".repeat(600 * 1024));
    assert_eq!(ask(&log, signed(PATH, &body, SECRET)).await.status, 200);
    let (_, message) = webhooks(&log).remove(0);
    assert_eq!(message.kind(), WebhookKind::Unparsed);
    assert!(message.reason.contains("cut") && message.body.len() > 500 * 1024, "{}", message.reason);
    assert!(log.records(Topic::Webhooks)[0].value.len() <= afterglow_events::Record::VALUE_BYTES_MAX);
}

#[tokio::test]
async fn a_merge_is_a_hint_about_every_deal_in_it() {
    let log = Log::default();
    let merge =
        r#"{"portalId":33,"subscriptionType":"deal.merge","primaryObjectId":2,"mergedObjectIds":[1]}"#;
    let answer = ask(&log, signed(PATH, merge, SECRET)).await;
    assert_eq!(answer.body, r#"{"accepted":1,"ignored":0,"unusable":0}"#);
    let keys: Vec<String> = webhooks(&log).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["acme/hub/deal/2", "acme/hub/deal/1"]);
}

#[tokio::test]
async fn a_log_that_is_away_or_silent_is_503_with_retry_after() {
    let soap = || post(&format!("/webhooks/salesforce/force/{TOKEN}"), SOAP);
    let (away, stuck) = (Log::default(), Log::default());
    away.away(true);
    stuck.stuck();
    for log in [&away, &stuck] {
        let answer = ask(log, signed(PATH, &event(1, "closedwon"), SECRET)).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let answer = ask(log, soap()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
        assert!(!answer.body.contains("<Ack>") && answer.body.contains("soapenv:Server"), "{}", answer.body);
    }
    away.away(false);
    assert_eq!(ask(&away, soap()).await.status, 200);
}

const SOAP: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>"#,
    r#"<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00Dxx0000001gPF</OrganizationId>"#,
    r#"<Notification><Id>04lxx000000CaSdAAK</Id><sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">"#,
    r#"<sf:Id>006xx000001a2bcAAA</sf:Id><sf:StageName>Closed Won</sf:StageName></sObject></Notification>"#,
    r#"<Notification><Id>04lxx000000CaSeAAK</Id></Notification></notifications></soapenv:Body></soapenv:Envelope>"#,
);

#[tokio::test]
async fn salesforce_gets_its_exact_acknowledgement_once_all_is_stored() {
    let log = Log::default();
    for token in [TOKEN, "previous-token"] {
        let answer = ask(&log, post(&format!("/webhooks/salesforce/force/{token}"), SOAP)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, reply::ACK));
        assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    }
    let records = webhooks(&log);
    assert_eq!(records.len(), 4);
    assert_eq!(records[0].0, "acme/force/deal/006xx000001a2bcAAA");
    assert_eq!(records[0].1.hinted_stage, "Closed Won");
    assert_eq!(records[1].1.kind(), WebhookKind::Unparsed);
}

#[tokio::test]
async fn a_hostile_or_foreign_document_is_kept_and_acknowledged() {
    let log = Log::default();
    let hostile = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
    let foreign = SOAP.replace("00Dxx0000001gPF", "00Dxx0000001gPG");
    for body in [hostile, "", "<a>", &foreign] {
        let answer = ask(&log, post(&format!("/webhooks/salesforce/force/{TOKEN}"), body.to_owned())).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, reply::ACK), "{body}");
    }
    let records = webhooks(&log);
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|(_, it)| it.kind() == WebhookKind::Unparsed && !it.reason.is_empty()));
    assert_eq!(records[0].1.body, hostile.as_bytes());
}

#[tokio::test]
async fn other_methods_are_told_which_ones_there_are() {
    let log = Log::default();
    for path in [PATH.to_owned(), format!("/webhooks/salesforce/force/{TOKEN}")] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let request = Request::builder().method(method).uri(&path).body(Body::empty()).unwrap();
            let answer = ask(&log, request).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method} {path}");
        }
    }
}

fn link(key: &str) -> (Unsubscribe, String) {
    let link = Unsubscribe {
        home: HomeKey::new("acme/hubspot:33:9001").unwrap(),
        touchpoint: TouchpointId::from_slice(&[7; 16]).unwrap(),
        address_hmac: [9; 32],
    };
    let path = format!("/u/{}", sign(&key.into(), &link));
    (link, path)
}

#[tokio::test]
async fn looking_at_an_unsubscribe_link_changes_nothing() {
    let log = Log::default();
    for key in ["new", "old"] {
        let answer = ask(&log, Request::get(link(key).1).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("<form method=\"post\">") && !answer.body.contains("<script"));
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(answer.header("set-cookie").is_empty() && answer.header("location").is_empty());
    }
    assert!(log.records(Topic::Signals).is_empty());
}

#[tokio::test]
async fn one_click_and_the_button_are_the_same_wish() {
    let log = Log::default();
    let (wish, path) = link("new");
    for (body, method) in [("List-Unsubscribe=One-Click", "one_click"), ("unsubscribe=page", "page")] {
        let answer = ask(&log, post(&path, body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let event = log.events(Topic::Signals).pop().unwrap();
        assert_eq!(event.envelope.subject, wish.home.as_str());
        let EventBody::Signal(signal) = event.body else { panic!("no signal") };
        assert_eq!(signal.touchpoint_id, wish.touchpoint.to_string());
        let Some(signal::Kind::Unsubscribed(unsubscribed)) = signal.kind else { panic!("no wish") };
        assert_eq!((unsubscribed.method.as_str(), &unsubscribed.address_hmac[..]), (method, &[9; 32][..]));
    }
    let ids: Vec<_> = log.events(Topic::Signals).iter().map(|event| event.envelope.id).collect();
    assert_eq!(ids[0], ids[1], "asking twice is asking once");
}

#[tokio::test]
async fn a_link_of_nobody_is_404_and_a_wish_not_stored_is_503() {
    let log = Log::default();
    let (_, path) = link("new");
    for bad in [link("stranger").1, format!("{path}A"), "/u/x".to_owned()] {
        for request in
            [Request::get(&bad).body(Body::empty()).unwrap(), post(&bad, "List-Unsubscribe=One-Click")]
        {
            assert_eq!(ask(&log, request).await.status, 404, "{bad}");
        }
    }
    assert_eq!(ask(&log, post(&path, "hello")).await.status, 400);
    log.away(true);
    let answer = ask(&log, post(&path, "List-Unsubscribe=One-Click")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert!(log.records(Topic::Signals).is_empty());
}
