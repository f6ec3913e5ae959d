use http::HeaderValue;

use super::*;

const URI: &str = "https://edge.example/webhooks/hubspot/acme";
const BODY: &[u8] = br#"[{"eventId":1}]"#;
const AT: Timestamp = Timestamp(1_772_789_400_000_000);
/// Made with Python's `hmac` over method, URI, body and time.
const VECTOR: &str = "9lBUiKguLWmLQoXfViIWLCVeCqJ5pqpiD6OG2ECDkhk=";

fn verifier() -> Verifier {
    let secrets = Secrets::new("key-of-33".into(), Some("previous".into())).unwrap();
    Verifier { secrets, allow_v1: false }
}

fn request<'a>(uri: &'a str, body: &'a [u8]) -> Request<'a> {
    Request { method: "POST", uri, body }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn v3_headers(signature: &str) -> HeaderMap {
    headers(&[(V3_HEADER, signature), (TIMESTAMP_HEADER, "1772789400000")])
}

fn verify(signature: &str, uri: &str) -> Result<Verified, Error> {
    verifier().verify(&request(uri, BODY), &v3_headers(signature), AT)
}

#[test]
fn v3_agrees_with_an_independent_implementation() {
    let verified = verify(VECTOR, URI).unwrap();
    assert_eq!(verified, Verified { secret: Matched::Current, version: Version::V3 });
    assert_eq!(sign_v3(&"key-of-33".into(), &request(URI, BODY), AT), VECTOR);
    let not_json = "not json \u{e4}".as_bytes();
    let headers = v3_headers("TUckLYS48wAIhQLAOedmFq/xaeSy6fA0E1oD/jw1Z2E=");
    let verified = verifier().verify(&request(URI, not_json), &headers, AT).unwrap();
    assert_eq!(verified.secret, Matched::Previous);
}

#[test]
fn a_query_is_accepted_decoded_by_the_table_and_raw() {
    let uri = "https://edge.example/hooks?a=x%3Ay&b=1%20%40";
    assert!(verify("IC6PrHF6StLjApCFnlGv1WyBoaGxA/va/L63XL/OKFY=", uri).is_ok());
    assert!(verify("W73dvKJe5nQ3m+0KkgVl6HIbNmC+/FtExVwMweckmsY=", uri).is_ok());
    assert_eq!(
        sign_v3(&"key-of-33".into(), &request(uri, BODY), AT),
        "IC6PrHF6StLjApCFnlGv1WyBoaGxA/va/L63XL/OKFY="
    );
}

#[test]
fn v2_signs_method_uri_and_body() {
    let signature = "3fe1bfda66762ad8113063390a9cc6c620c7b424c8337b8cced8e40bcced58ed";
    let headers = headers(&[(LEGACY_HEADER, signature), (LEGACY_VERSION_HEADER, "v2")]);
    assert_eq!(verifier().verify(&request(URI, BODY), &headers, AT).unwrap().version, Version::V2);
    let elsewhere = request("https://edge.example/", BODY);
    assert!(matches!(verifier().verify(&elsewhere, &headers, AT), Err(Error::Mismatch { .. })));
}

/// HubSpot's published example.
#[test]
fn v1_counts_only_where_it_is_allowed() {
    let body = br#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    let secrets = Secrets::new("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy".into(), None).unwrap();
    let signature = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
    let headers = headers(&[(LEGACY_HEADER, signature), (LEGACY_VERSION_HEADER, "v1")]);
    let mut verifier = Verifier { secrets, allow_v1: false };
    assert_eq!(verifier.verify(&request(URI, body), &headers, AT), Err(Error::V1NotAllowed));
    verifier.allow_v1 = true;
    assert_eq!(verifier.verify(&request(URI, body), &headers, AT).unwrap().version, Version::V1);
    let changed = verifier.verify(&request(URI, b"[]"), &headers, AT);
    assert_eq!(changed, Err(Error::Mismatch { hint: None }));
}

#[test]
fn a_bad_v3_signature_is_not_saved_by_a_good_v1() {
    let mut both = headers(&[(LEGACY_HEADER, &hex::encode(sha256(&[b"key-of-33", BODY])))]);
    both.extend(v3_headers(&STANDARD.encode([0; 32])));
    let verifier = Verifier { allow_v1: true, ..verifier() };
    assert!(matches!(verifier.verify(&request(URI, BODY), &both, AT), Err(Error::Mismatch { .. })));
}

#[test]
fn the_window_is_five_minutes_both_ways() {
    let at = |seconds: i64| {
        let now = Timestamp(AT.0 + seconds * 1_000_000);
        verifier().verify(&request(URI, BODY), &v3_headers(VECTOR), now)
    };
    assert!(at(300).is_ok());
    assert!(at(-300).is_ok());
    assert_eq!(at(301), Err(Error::Stale { skew_ms: 301_000 }));
    assert_eq!(at(-600), Err(Error::Stale { skew_ms: -600_000 }));
}

#[test]
fn a_timestamp_is_thirteen_digits() {
    for bad in
        ["NaN", "-1", "1772789400", "1772789400000.0", "+772789400000", "177278940000012345678901234567", ""]
    {
        let headers = headers(&[(V3_HEADER, VECTOR), (TIMESTAMP_HEADER, bad)]);
        let outcome = verifier().verify(&request(URI, BODY), &headers, AT);
        assert!(matches!(outcome, Err(Error::Malformed(_))), "{bad}");
    }
    let missing = headers(&[(V3_HEADER, VECTOR)]);
    let outcome = verifier().verify(&request(URI, BODY), &missing, AT);
    assert_eq!(outcome, Err(Error::Missing("X-HubSpot-Request-Timestamp")));
    let mut twice = v3_headers(VECTOR);
    twice.append(TIMESTAMP_HEADER, HeaderValue::from_static("1772789400000"));
    assert!(matches!(verifier().verify(&request(URI, BODY), &twice, AT), Err(Error::Malformed(_))));
}

#[test]
fn what_is_no_signature_is_refused() {
    let none = verifier().verify(&request(URI, BODY), &HeaderMap::new(), AT);
    assert_eq!(none.unwrap_err().kind(), "missing");
    for bad in ["", "!!!", &VECTOR[..43], &"A".repeat(65_536), &hex::encode([0; 32])] {
        assert_eq!(verify(bad, URI).unwrap_err().kind(), "malformed", "{bad:.50}");
    }
    assert_eq!(verify(&STANDARD.encode([7; 32]), URI).unwrap_err().kind(), "mismatch");
}

#[test]
fn up_to_ten_signatures_and_any_may_match() {
    let wrong = STANDARD.encode([7; 32]);
    let ten = [vec![wrong.as_str(); 9], vec![VECTOR]].concat().join(", ");
    assert!(verify(&ten, URI).is_ok());
    let eleven = [vec![wrong.as_str(); 10], vec![VECTOR]].concat().join(",");
    assert!(matches!(verify(&eleven, URI), Err(Error::Malformed(_))));
}

#[test]
fn a_mismatch_says_what_would_have_matched() {
    let hint = |uri| match verify(VECTOR, uri) {
        Err(Error::Mismatch { hint }) => hint,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        hint("http://edge.example/webhooks/hubspot/acme"),
        Some("would match if the scheme of public_url were https")
    );
    assert_eq!(
        hint("https://edge.example/webhooks/hubspot/acme/"),
        Some("would match without the slash at the path's end")
    );
    assert_eq!(hint("https://edge.example/webhooks/hubspot/acme?x=1"), Some("would match without the query"));
    assert_eq!(hint("https://other.example/webhooks/hubspot/acme"), None);
}

#[test]
fn a_changed_byte_of_the_body_is_refused() {
    let reserialised = verifier().verify(&request(URI, br#"[{"eventId": 1}]"#), &v3_headers(VECTOR), AT);
    assert!(matches!(reserialised, Err(Error::Mismatch { .. })));
}
