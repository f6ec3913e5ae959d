use super::*;

const ORG: &str = "00Dxx0000001gPFEAY";

fn message(notifications: &str) -> Bytes {
    Bytes::from(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00Dxx0000001gPF</OrganizationId>
   <ActionId>04kxx00000000blAAA</ActionId>
   <SessionId xsi:nil="true"/>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"#
    ))
}

fn notification(record: &str) -> String {
    format!("<Notification><Id>04lxx000000CaSdAAK</Id>{record}</Notification>")
}

fn opportunity(fields: &str) -> String {
    let open = r#"<sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">"#;
    notification(&format!("{open}{fields}</sObject>"))
}

const WON: &str = "<sf:Id>006xx000001a2bc</sf:Id><sf:Amount xsi:nil=\"true\"/><sf:SystemModstamp>2026-09-30T10:00:00.000Z</sf:SystemModstamp><sf:StageName>Closed &amp; W&#111;n</sf:StageName>";

fn refusal(body: &Bytes) -> String {
    parse(body).unwrap_err().to_string()
}

#[test]
fn a_message_becomes_a_hint() {
    let notification = opportunity(WON);
    let body = message(&notification);
    let split = split(&body, ORG).unwrap();
    assert_eq!(split.unusable, []);
    let hint = &split.hints[0];
    assert_eq!(hint.raw, notification);
    assert_eq!(hint.event_type, "Opportunity");
    let deal = DealKey::salesforce(ORG, "006xx000001a2bcAAA").unwrap();
    assert_eq!(hint.subject, Subject::Deals(vec![deal]));
    assert_eq!(hint.stage.as_deref(), Some("Closed & Won"));
    assert_eq!(hint.occurred_at, Some("2026-09-30T10:00:00Z".parse().unwrap()));
    let message = parse(&body).unwrap();
    assert_eq!(message.notifications[0].id.as_deref(), Some("04lxx000000CaSdAAK"));
    let record = message.notifications[0].record.as_ref().unwrap();
    assert_eq!(record.fields["Amount"], None);
}

#[test]
fn elements_are_told_by_namespace_not_by_prefix() {
    let body = "\u{feff}<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
        <o:notifications xmlns:o=\"http://soap.sforce.com/2005/09/outbound\">\
        <o:OrganizationId>00Dxx0000001gPFEAY</o:OrganizationId>\
        <o:Notification><o:Id>04l</o:Id><o:sObject xmlns=\"urn:sobject.partner.soap.sforce.com\" \
        xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:type=\"Opportunity\">\
        <Id><![CDATA[006xx000001a2bcAAA]]></Id><StageName xmlns=\"urn:other\">no</StageName></o:sObject></o:Notification>\
        </o:notifications></e:Body></e:Envelope>";
    let split = split(&Bytes::from(body), ORG).unwrap();
    assert_eq!(split.hints.len(), 1, "{:?}", split.unusable);
    assert_eq!(split.hints[0].stage, None, "a field of a foreign namespace is no field");
    assert!(split.hints[0].raw.starts_with(b"<o:Notification>"));
    assert!(split.hints[0].raw.ends_with(b"</o:Notification>"));
}

#[test]
fn one_bad_notification_loses_no_other() {
    let many = opportunity(WON).repeat(100);
    for bad in [
        notification(""),
        notification("<sObject/>"),
        "<Notification/>".to_owned(),
        opportunity("<sf:StageName>Won</sf:StageName>"),
        opportunity("<sf:Id>006xx' OR Id != '</sf:Id>"),
        opportunity("<sf:Id>006xx000001a2bcAAA</sf:Id><sf:Id>006xx000001a2bdAAA</sf:Id>"),
    ] {
        let split = split(&message(&format!("{many}{bad}")), ORG).unwrap();
        assert_eq!((split.hints.len(), split.unusable.len()), (100, 1), "{bad}");
        assert_eq!(split.unusable[0].raw, bad);
    }
}

#[test]
fn other_objects_lead_to_their_opportunity_or_to_nothing() {
    let object = |kind: &str, field: &str| {
        let open =
            format!(r#"<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">"#);
        let body =
            message(&notification(&format!("{open}<sf:{field}>006xx000001a2bcAAA</sf:{field}></sObject>")));
        split(&body, ORG).unwrap().hints.remove(0).subject
    };
    assert!(
        matches!(object("OpportunityContactRole", "OpportunityId"), Subject::Deals(deals) if deals.len() == 1)
    );
    assert_eq!(object("Lead", "Id"), Subject::Nothing);
}

#[test]
fn another_organisation_is_kept_whole_and_unusable() {
    let body = message(&opportunity(WON));
    let split = split(&body, "00D7F00000107XsUAI").unwrap();
    assert_eq!(split.hints, []);
    assert_eq!(split.unusable[0].raw, body);
    let empty = message("").slice(..);
    assert_eq!(super::split(&empty, ORG).unwrap(), Split::default());
}

#[test]
fn dtds_and_entities_are_refused() {
    let envelope = message("");
    let text = std::str::from_utf8(&envelope).unwrap().split_once("?>").unwrap().1.to_owned();
    let dtd = r#"<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>"#;
    assert!(refusal(&Bytes::from(format!("{dtd}{text}"))).contains("DTD"));
    assert!(refusal(&message(&opportunity("<sf:Id>&a;</sf:Id>"))).contains("entity"));
    assert!(refusal(&message(&opportunity("<sf:Id>&#0;</sf:Id>"))).contains("character reference"));
}

#[test]
fn what_is_no_message_is_refused() {
    for bad in [
        "",
        "hello",
        "<a/>",
        "{\"a\":1}",
        "<e:Envelope>",
        "<notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\"/>",
    ] {
        parse(&Bytes::from(bad)).unwrap_err();
    }
    let whole = message(&opportunity(WON));
    for cut in [whole.len() - 3, whole.len() / 2, 60] {
        parse(&whole.slice(..cut)).unwrap_err();
    }
    parse(&Bytes::from_static(b"\xff\xfe<\x00")).unwrap_err();
}

/// Sizes from measured attacks; a quadratic parser needs seconds for any of them.
#[test]
fn hostile_documents_are_refused_within_their_limits() {
    let deep = message(&format!("{}{}", "<a>".repeat(300_000), "</a>".repeat(300_000)));
    assert!(refusal(&deep).contains("64 levels"));
    let attributes = (0..50_000).fold(String::new(), |all, n| all + " a" + &n.to_string() + "=\"\"");
    assert!(refusal(&message(&format!("<a{attributes}/>"))).contains("256 attributes"));
    let namespaces = (0..100_000).fold(String::new(), |all, n| all + " xmlns:a" + &n.to_string() + "=\"u\"");
    refusal(&message(&format!("<a{namespaces}/>")));
    assert!(refusal(&message(&opportunity(&"<sf:X/>".repeat(5000)))).contains("4096 elements"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(text in ".{0,200}", cut in 0..900_usize) {
        let _ = parse(&message(&text));
        let whole = message(&opportunity(WON));
        let _ = parse(&whole.slice(..cut.min(whole.len())));
    }
}
