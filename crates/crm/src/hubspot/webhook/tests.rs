use super::*;

fn one(json: &str) -> Hint {
    let split = split(&Bytes::copy_from_slice(json.as_bytes()), 33);
    assert!(split.unusable.is_empty(), "{:?}", split.unusable);
    assert_eq!(split.hints.len(), 1);
    split.hints.into_iter().next().unwrap()
}

fn deals_of(json: &str) -> Vec<String> {
    match one(json).subject {
        Subject::Deals(deals) => deals.iter().map(|deal| deal.object().to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

fn reason(json: &[u8]) -> String {
    let split = split(&Bytes::copy_from_slice(json), 33);
    assert!(split.hints.is_empty());
    assert_eq!(split.unusable.len(), 1);
    split.unusable[0].reason.clone()
}

#[test]
fn a_stage_change_hints_at_its_deal() {
    let event = r#"{"eventId":3816279340,"subscriptionId":25,"portalId":33,"appId":1160452,"occurredAt":1462216307945,"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":1246965,"propertyName":"dealstage","propertyValue":"closedwon","changeSource":"CRM_UI","sourceId":"userId:98499705"}"#;
    let hint = one(&format!("\u{feff} [ {event} ]\n"));
    assert_eq!(hint.raw, event);
    assert_eq!(hint.event_type, "deal.propertyChange");
    assert_eq!(hint.subject, Subject::Deals(vec![DealKey::hubspot(33, "1246965").unwrap()]));
    assert_eq!(hint.stage.as_deref(), Some("closedwon"));
    assert_eq!(hint.occurred_at, Some(Timestamp::from_millis(1_462_216_307_945)));
    assert_eq!(one(event), hint, "an event's own bytes split into the same event");
}

#[test]
fn generic_events_are_told_apart_by_their_object_type() {
    let event = |kind: &str| {
        format!(
            r#"[{{"subscriptionType":"object.deletion","objectTypeId":"{kind}","objectId":546500061938,"portalId":33}}]"#
        )
    };
    assert_eq!(deals_of(&event("0-3")), ["546500061938"]);
    assert_eq!(one(&event("0-1")).subject, Subject::Nothing);
    assert_eq!(deals_of(r#"[{"eventType":"deal.creation","objectId":7}]"#), ["7"]);
}

#[test]
fn thirty_digits_stay_exact() {
    let id = "123456789012345678901234567890";
    assert_eq!(deals_of(&format!(r#"[{{"subscriptionType":"deal.creation","objectId":{id}}}]"#)), [id]);
}

#[test]
fn a_merge_names_the_survivor_first() {
    let event = r#"[{"subscriptionType":"deal.merge","primaryObjectId":5,"mergedObjectIds":[6,7],"newObjectId":8,"portalId":33}]"#;
    assert_eq!(deals_of(event), ["8", "5", "6", "7"]);
    let event = r#"[{"subscriptionType":"deal.merge","primaryObjectId":5,"mergedObjectIds":[6,5],"newObjectId":null}]"#;
    assert_eq!(deals_of(event), ["5", "6"]);
}

#[test]
fn an_association_hints_at_its_deal_from_either_side() {
    let event = |kind: &str, name: &str| {
        format!(
            r#"[{{"subscriptionType":"{kind}.associationChange","associationType":"{name}","fromObjectId":1,"toObjectId":2}}]"#
        )
    };
    assert_eq!(deals_of(&event("deal", "DEAL_TO_CONTACT")), ["1"]);
    assert_eq!(deals_of(&event("contact", "CONTACT_TO_DEAL")), ["2"]);
    assert_eq!(deals_of(&event("deal", "DEAL_TO_DEAL")), ["1", "2"]);
    assert_eq!(deals_of(&event("deal", "")), ["1"]);
    assert_eq!(one(&event("contact", "CONTACT_TO_COMPANY")).subject, Subject::Nothing);
}

#[test]
fn an_erased_contact_is_recognised() {
    let hint = one(r#"[{"subscriptionType":"contact.privacyDeletion","objectId":12,"portalId":33}]"#);
    assert_eq!(hint.subject, Subject::ErasedContact("12".to_owned()));
}

#[test]
fn a_workflow_sends_the_deal_itself() {
    let today = one(r#"{"id":"77","properties":{"dealstage":"closedwon","hs_object_id":"77"}}"#);
    assert_eq!(today.event_type, "workflow");
    assert_eq!(today.stage.as_deref(), Some("closedwon"));
    let old =
        r#"{"portalId":33,"properties":{"hs_object_id":{"value":"78"},"dealstage":{"value":"closedlost"}}}"#;
    assert_eq!(deals_of(old), ["78"]);
    assert_eq!(one(old).stage.as_deref(), Some("closedlost"));
    assert_eq!(one(r#"{"objectTypeId":"0-1","objectId":5}"#).subject, Subject::Nothing);
}

#[test]
fn one_bad_event_of_a_hundred_loses_no_other() {
    let good = |n: usize| format!(r#"{{"subscriptionType":"deal.creation","objectId":{n},"portalId":33}}"#);
    for bad in [
        "tru",
        "",
        "[]",
        "[null,null,null,null,7]",
        r#"{"subscriptionType":"deal.merge","mergedObjectIds":5}"#,
        r#"{"subscriptionType":"deal.creation"}"#,
        r#"{"subscriptionType":"deal.creation","objectId":"x/y"}"#,
        r#"{"subscriptionType":"deal.creation","objectId":1,"objectId":2}"#,
        r#"{"subscriptionType":"deal.creation","objectId":1,"portalId":44}"#,
        r#"{"subscriptionType":"deal.creation","objectId":1,"a":"\ud800"}"#,
        r#"{"subscriptionType":"deal.creation","objectId":1.5}"#,
    ] {
        let events: Vec<String> = (1..100).map(good).chain([bad.to_owned()]).collect();
        let split = split(&Bytes::from(format!("[{}]", events.join(","))), 33);
        assert_eq!((split.hints.len(), split.unusable.len()), (99, 1), "{bad}");
        assert_eq!(split.unusable[0].raw, bad);
    }
}

#[test]
fn a_body_that_cannot_be_divided_is_one_unusable_piece() {
    for bad in [&b""[..], b"hello", b"[{\"a\":1}", b"[1] 2", b"\xff\xfe[\x00]\x00", b"{\"objectId\":1"] {
        reason(bad);
    }
    assert_eq!(reason(b"{}"), "it has neither a subscriptionType nor the id of a deal");
    assert_eq!(split(&Bytes::from_static(b"[]"), 33), Split::default());
}

#[test]
fn hostile_bodies_are_refused_quickly() {
    let deep = format!(
        r#"[{{"subscriptionType":"deal.creation","objectId":1,"a":{}1{}}}]"#,
        "[".repeat(300_000),
        "]".repeat(300_000)
    );
    assert_eq!(reason(deep.as_bytes()), "it is nested deeper than 127 levels");
    let many = format!("[{}1]", "1,".repeat(100_000));
    assert_eq!(split(&Bytes::from(many), 33).unusable.len(), 100_001);
}

#[test]
fn a_nul_in_a_text_is_replaced_and_the_event_kept() {
    let hint = one(
        r#"[{"subscriptionType":"deal.propertyChange","objectId":1,"propertyName":"dealstage","propertyValue":"a\u0000b"}]"#,
    );
    assert_eq!(hint.stage.as_deref(), Some("a\u{fffd}b"));
}

proptest::proptest! {
    /// Whatever arrives, the split ends, and every piece lies within the body.
    #[test]
    fn any_bytes_are_divided_without_a_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let body = Bytes::from(body);
        split(&body, 33);
        let mut array = b"[".to_vec();
        array.extend_from_slice(&body);
        array.push(b']');
        split(&Bytes::from(array), 33);
    }
}
