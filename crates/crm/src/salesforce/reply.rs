//! The two answers to an Outbound Message.
//!
//! Salesforce takes nothing but the exact acknowledgement; anything else is retried for 24 hours. One
//! acknowledgement covers all notifications of a delivery, so it is given only once all are stored.

/// The content type of both answers.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// The acknowledgement, byte for byte. The element is `notificationsResponse`, as in Salesforce's WSDL.
pub const ACK: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
    r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>"#,
    "</soapenv:Body></soapenv:Envelope>",
);

/// A SOAP 1.1 fault that says that the trouble is ours (`Server`): the same delivery may be taken later.
/// It goes with 503. There is none of the `Client` kind: what is authentic is kept and acknowledged.
pub fn fault(text: &str) -> String {
    let text = quick_xml::escape::escape(text);
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
            "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
            "</soapenv:Body></soapenv:Envelope>",
        ),
        text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acknowledgement_is_exact() {
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body><notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>";
        assert_eq!(ACK, expected);
    }

    #[test]
    fn a_fault_escapes_its_text() {
        let fault = fault("a <b> & c");
        assert!(
            fault.contains(
                "<faultcode>soapenv:Server</faultcode><faultstring>a &lt;b&gt; &amp; c</faultstring>"
            )
        );
    }
}
