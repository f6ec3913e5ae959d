//! What HubSpot sends: one change of a deal's stage, signed with v3.

use afterglow_crm::hubspot::signature::{Request, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_domain::Timestamp;
use secrecy::SecretString;

/// The connection's id.
pub(crate) const CONNECTION: &str = "hub";
/// Where its webhooks go.
pub(crate) const PATH: &str = "/webhooks/hubspot/hub";
/// What HubSpot was told to call, and signs; no port, so that it does not change with each run.
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1";
/// The app's client secret.
pub(crate) const SECRET: &str = "the-client-secret-of-the-bench-0001";
/// The portal.
pub(crate) const PORTAL: i64 = 33;

/// The bytes on the wire of a webhook about one deal, kept alive afterwards.
pub(crate) fn request(deal: u64, at: Timestamp) -> Vec<u8> {
    let body = format!(
        r#"[{{"eventId":{event},"subscriptionId":2560001,"portalId":{PORTAL},"appId":1160452,"occurredAt":{at},"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":{object},"propertyName":"dealstage","propertyValue":"closedwon","changeSource":"CRM_UI","sourceId":"userId:4711"}}]"#,
        event = 3_000_000_000 + deal,
        at = at.as_millis(),
        object = 10_000_000_000 + deal,
    );
    let uri = format!("{PUBLIC_URL}{PATH}");
    let signed = Request { method: "POST", uri: &uri, body: body.as_bytes() };
    let signature = sign_v3(&SecretString::from(SECRET), &signed, at);
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: HubSpot Connect 2.0 (http://dev.hubspot.com/)\r\n\
         content-type: application/json\r\naccept: */*\r\n{V3_HEADER}: {signature}\r\n\
         {TIMESTAMP_HEADER}: {}\r\ncontent-length: {}\r\n\r\n{body}",
        at.as_millis(),
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_has_the_size_of_a_real_one() {
        let request = String::from_utf8(request(7, Timestamp::from_millis(1_772_789_400_000))).unwrap();
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        assert!((250..400).contains(&body.len()), "{body}");
        let event: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(event[0]["objectId"], 10_000_000_007_u64);
    }
}
