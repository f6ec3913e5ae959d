use std::time::Duration;

use afterglow_domain::Crm;
use serde_json::{Value, json};

use super::*;
use crate::crm::{Deal, Trouble, webhook};

const NORTHWIND: &str = "9001";
const BLUEBIRD: &str = "006xx000001a2bcAAA";

async fn with_deals() -> World {
    let world = world().await;
    for deal in demo_deals(noon()) {
        let open = if deal.crm == Crm::Hubspot { "contractsent" } else { "Negotiation/Review" };
        let won = deal.stage.clone();
        world
            .sandbox
            .crm
            .put(Deal { stage: open.to_owned(), ..deal.clone() }, noon().minus(Duration::from_mins(1)));
        world.sandbox.crm.set_stage(&deal.id, &won, noon());
    }
    world
}

impl World {
    async fn hubspot(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.hubspot_url());
        let answer = self.http.get(url).bearer_auth("sandbox-hubspot-token").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn hubspot_post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.hubspot_url());
        let answer =
            self.http.post(url).bearer_auth("sandbox-hubspot-token").json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn login(&self) -> Value {
        let url = format!("{}/services/oauth2/token", self.sandbox.salesforce_url());
        let form = [("grant_type", "client_credentials")];
        let request =
            self.http.post(url).basic_auth("sandbox-salesforce-key", Some("sandbox-salesforce-secret"));
        request.form(&form).send().await.unwrap().json().await.unwrap()
    }

    async fn query(&self, token: &Value, kind: &str, soql: &str) -> (u16, Value) {
        let url = format!("{}/services/data/v66.0/{kind}", token["instance_url"].as_str().unwrap());
        let request =
            self.http.get(url).bearer_auth(token["access_token"].as_str().unwrap()).query(&[("q", soql)]);
        let answer = request.send().await.unwrap();
        assert!(answer.headers().contains_key("sforce-limit-info"));
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

const DEAL: &str = "/crm/v3/objects/deals/9001?properties=dealname,amount,dealstage&propertiesWithHistory=dealstage&associations=companies,contacts";

#[tokio::test]
async fn hubspot_answers_what_is_asked() {
    let world = with_deals().await;
    let (status, deal) = world.hubspot(DEAL).await;
    assert_eq!((status, &deal["properties"]["amount"]), (200, &json!("48000.00")));
    assert_eq!(deal["properties"].get("closedate"), None, "not asked for");
    let history = &deal["propertiesWithHistory"]["dealstage"];
    assert_eq!((&history[0]["value"], &history[1]["value"]), (&json!("closedwon"), &json!("contractsent")));
    assert_eq!(history[0]["timestamp"], "2026-03-06T12:00:00.000Z");
    assert_eq!(deal["associations"]["contacts"]["results"][0]["id"], "501");
    let (_, companies) = world.hubspot("/crm/v4/objects/deals/9001/associations/companies").await;
    assert_eq!(companies["results"][0]["associationTypes"][0]["typeId"], 5);
    let inputs = json!({"inputs": [{"id": "9001"}]});
    let (_, links) = world.hubspot_post("/crm/v4/associations/deals/contacts/batch/read", inputs).await;
    assert_eq!(links["results"][0]["to"][0]["toObjectId"], 501);
    assert_eq!(links["results"][0]["to"][0]["associationTypes"][0]["label"], "Champion");
    let inputs = json!({"inputs": [{"id": "501"}, {"id": "999"}], "properties": ["email"]});
    let (status, contacts) = world.hubspot_post("/crm/v3/objects/contacts/batch/read", inputs).await;
    assert_eq!((status, &contacts["errors"][0]["context"]["ids"][0]), (207, &json!("999")));
    assert_eq!(contacts["results"][0]["properties"]["email"], "jonas.weber@northwind.example");
    assert_eq!(world.hubspot("/crm/v3/owners/77").await.1["firstName"], "Mia");
    assert_eq!(world.hubspot("/account-info/v3/details").await.1["companyCurrency"], "USD");
    let (_, pipelines) = world.hubspot("/crm/v3/pipelines/deals").await;
    assert_eq!(
        pipelines["results"][0]["stages"][2]["metadata"],
        json!({"isClosed": "true", "probability": "1.0"})
    );
    assert_eq!(world.hubspot("/crm/v3/objects/deals/7").await.0, 404);
    world.end().await;
}

#[tokio::test]
async fn records_change_merge_lag_and_vanish() {
    let world = with_deals().await;
    let records = &world.sandbox.crm;
    let later = noon().plus(Duration::from_mins(1));
    records.amend(NORTHWIND, later, |deal| deal.name = "renamed".to_owned());
    records.lag(NORTHWIND, 1);
    assert_eq!(world.hubspot(DEAL).await.1["properties"]["dealname"], "Northwind GmbH – platform");
    assert_eq!(world.hubspot(DEAL).await.1["properties"]["dealname"], "renamed");
    let survivor = Deal { id: "9002".to_owned(), ..records.deal(NORTHWIND).unwrap() };
    records.put(survivor, later);
    records.merge(NORTHWIND, "9002", later);
    assert_eq!(world.hubspot(DEAL).await.1["id"], "9002");
    assert_eq!((records.reads(NORTHWIND), records.reads("9002")), (2, 1));
    records.delete("9002", later);
    assert_eq!(world.hubspot(DEAL).await.0, 404);
    records.restore("9002", later);
    assert_eq!(world.hubspot(DEAL).await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn a_held_answer_is_as_old_as_its_question() {
    let world = with_deals().await;
    let records = world.sandbox.crm.clone();
    records.hold_answers(true);
    let change = async {
        while records.reads(NORTHWIND) == 0 {
            tokio::task::yield_now().await;
        }
        records.set_stage(NORTHWIND, "closedlost", noon());
        records.hold_answers(false);
    };
    let ((_, old), ()) = tokio::join!(world.hubspot(DEAL), change);
    assert_eq!(old["properties"]["dealstage"], "closedwon");
    assert_eq!(world.hubspot(DEAL).await.1["properties"]["dealstage"], "closedlost");
    world.end().await;
}

#[tokio::test]
async fn one_crms_trouble_is_not_the_others() {
    let world = with_deals().await;
    let token = world.login().await;
    let soql = "SELECT Id FROM Opportunity";
    for (trouble, hubspot, salesforce) in
        [(Trouble::Outage, 503, 503), (Trouble::RateLimit, 429, 403), (Trouble::Unauthorised, 401, 401)]
    {
        world.sandbox.crm.set_trouble(Crm::Hubspot, Some(trouble));
        assert_eq!(world.hubspot(DEAL).await.0, hubspot);
        assert_eq!(world.query(&token, "query", soql).await.0, 200);
        world.sandbox.crm.set_trouble(Crm::Hubspot, None);
        world.sandbox.crm.set_trouble(Crm::Salesforce, Some(trouble));
        assert_eq!(world.query(&token, "query", soql).await.0, salesforce);
        assert_eq!(world.hubspot(DEAL).await.0, 200);
        world.sandbox.crm.set_trouble(Crm::Salesforce, None);
    }
    world.sandbox.crm.expire_sessions();
    assert_eq!(world.query(&token, "query", soql).await.1[0]["errorCode"], "INVALID_SESSION_ID");
    let fresh = world.login().await;
    assert_eq!(world.query(&fresh, "query", soql).await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn salesforce_answers_queries() {
    let world = with_deals().await;
    let token = world.login().await;
    let soql = format!(
        "SELECT Id, Name, Amount, CloseDate, StageName, IsWon, LastModifiedDate, Owner.Name, Owner.Email, AccountId, \
         Account.Name, (SELECT ContactId, Role, IsPrimary, Contact.Email, Contact.HasOptedOutOfEmail FROM \
         OpportunityContactRoles) FROM Opportunity WHERE Id IN ('{}')",
        &BLUEBIRD[..15]
    );
    let (status, found) = world.query(&token, "query", &soql).await;
    let record = &found["records"][0];
    assert_eq!((status, &record["Amount"], &record["IsWon"]), (200, &json!(21500.0), &json!(true)));
    assert_eq!(
        (&record["CloseDate"], &record["Owner"]["Name"]),
        (&json!("2026-03-06"), &json!("Sam Okafor"))
    );
    let role = &record["OpportunityContactRoles"]["records"][0];
    assert_eq!(
        (&role["Role"], &role["Contact"]["Email"]),
        (&json!("Champion"), &json!("priya.shah@bluebird.example"))
    );
    let stages = format!(
        "SELECT StageName, CreatedDate FROM OpportunityHistory WHERE OpportunityId = '{BLUEBIRD}' ORDER BY CreatedDate DESC"
    );
    assert_eq!(world.query(&token, "query", &stages).await.1["records"][0]["StageName"], "Closed Won");
    let (status, error) = world.query(&token, "query", "SELECT CurrencyIsoCode FROM Opportunity").await;
    assert_eq!((status, &error[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
    world.sandbox.crm.delete(BLUEBIRD, noon());
    assert_eq!(world.query(&token, "query", &soql).await.1["totalSize"], 0);
    let deleted = soql.replacen("Name,", "IsDeleted,", 1);
    assert_eq!(world.query(&token, "queryAll", &deleted).await.1["records"][0]["IsDeleted"], true);
    world.end().await;
}

#[test]
fn webhooks_are_the_same_for_the_same_deal_and_time() {
    let [northwind, bluebird] = demo_deals(noon());
    let body = webhook::hubspot(&[webhook::hubspot_stage(24_801, &northwind, noon())]);
    assert_eq!(body, webhook::hubspot(&[webhook::hubspot_stage(24_801, &northwind, noon())]));
    let event = &serde_json::from_str::<Value>(&body).unwrap()[0];
    assert_eq!((&event["objectId"], &event["propertyValue"]), (&json!(9001), &json!("closedwon")));
    let merge = webhook::hubspot_merge(24_801, "9001", "9002", noon());
    assert_eq!((&merge["primaryObjectId"], &merge["mergedObjectIds"]), (&json!(9002), &json!([9001])));
    let xml = webhook::salesforce("00Dxx0000001gPFEAY", &[&bluebird], noon());
    assert!(
        xml.contains("<sf:Id>006xx000001a2bcAAA</sf:Id>")
            && xml.contains("<sf:StageName>Closed Won</sf:StageName>")
    );
    assert!(!webhook::salesforce_deletion("00Dxx0000001gPFEAY", BLUEBIRD, noon()).contains("sObject"));
}
