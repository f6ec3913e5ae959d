//! Webhooks as the CRMs send them: signed at the moment of sending, sent again until they are taken.

use std::fmt::Write as _;

use afterglow_crm::hubspot::signature::{Request, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_domain::Timestamp;
use reqwest::header::HeaderMap;

use crate::settings::{HUBSPOT, PATH_TOKEN, SALESFORCE, SECRET};

/// What a CRM wants to say; the body stays the same in every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Webhook {
    /// An array of events, signed with the secret.
    Hubspot {
        /// The connection's id.
        connection: String,
        /// The app's client secret.
        secret: String,
        /// The events.
        body: Vec<u8>,
    },
    /// An Outbound Message to an address with the token.
    Salesforce {
        /// The last part of the path.
        token: String,
        /// The document.
        body: Vec<u8>,
    },
}

/// One request of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Path and query.
    pub path: String,
    /// Headers beside host and length.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// What the product answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Webhook {
    /// HubSpot's, to the usual connection.
    pub fn hubspot(body: impl Into<Vec<u8>>) -> Self {
        Self::Hubspot { connection: HUBSPOT.to_owned(), secret: SECRET.to_owned(), body: body.into() }
    }

    /// Salesforce's, with the usual token.
    pub fn salesforce(body: impl Into<Vec<u8>>) -> Self {
        Self::Salesforce { token: PATH_TOKEN.to_owned(), body: body.into() }
    }

    /// The request as its CRM sends it at `at` to the product at `base` (scheme, host and port).
    pub fn sign(&self, base: &str, at: Timestamp) -> Delivery {
        match self {
            Self::Hubspot { connection, secret, body } => {
                let path = format!("/webhooks/hubspot/{connection}");
                let uri = format!("{base}{path}");
                let request = Request { method: "POST", uri: &uri, body };
                let headers = vec![
                    ("content-type".to_owned(), "application/json".to_owned()),
                    (V3_HEADER.to_owned(), sign_v3(&secret.as_str().into(), &request, at)),
                    (TIMESTAMP_HEADER.to_owned(), at.as_millis().to_string()),
                ];
                Delivery { path, headers, body: body.clone() }
            }
            Self::Salesforce { token, body } => Delivery {
                path: format!("/webhooks/salesforce/{SALESFORCE}/{token}"),
                headers: vec![
                    ("content-type".to_owned(), "text/xml; charset=UTF-8".to_owned()),
                    ("soapaction".to_owned(), "\"\"".to_owned()),
                ],
                body: body.clone(),
            },
        }
    }
}

impl Delivery {
    /// The request's bytes on the wire, for a connection that closes afterwards.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n", self.path);
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", self.body.len());
        [head.into_bytes(), self.body.clone()].concat()
    }

    /// The same with another header, or another value for it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }
}

impl Answer {
    /// Whether the sender may forget the delivery.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
