//! `[vendors]`: who delivers gifts and mails.

use std::collections::BTreeMap;
use std::time::Duration;

use afterglow_domain::Sensitive;
use secrecy::SecretString;
use serde::Serialize;

use super::defaults;
use super::host::BaseUrl;
use super::problem::Code;
use super::section::Section;
use super::show::{hidden, hidden_option, seconds};

/// The vendors that are configured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Vendors {
    /// Whether CRMs and vendors are called through the proxy of `HTTPS_PROXY` and `NO_PROXY`.
    pub system_proxy: bool,
    /// Gifts.
    pub tremendous: Option<Tremendous>,
    /// Mails.
    pub smtp: Option<Smtp>,
}

impl Vendors {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let system_proxy = section.flag("system_proxy", false);
        let tremendous = section.optional_child("tremendous").and_then(|child| Tremendous::read(&child));
        let smtp = section.optional_child("smtp").and_then(|child| Smtp::read(&child));
        section.finish();
        Self { system_proxy, tremendous, smtp }
    }
}

/// `[vendors.tremendous]`.
#[derive(Debug, Clone, Serialize)]
pub struct Tremendous {
    /// The API without `/api/v2`.
    pub base_url: BaseUrl,
    /// The API key.
    #[serde(serialize_with = "hidden")]
    pub secret: SecretString,
    /// Requests in a second.
    pub rate_per_second: u32,
    /// After this a call's outcome is unknown.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// What is charged: `balance` or a funding source's id.
    pub funding_source: String,
    /// A journey's `pick` to the campaign or product at the vendor; `default` is for all others.
    pub products: BTreeMap<String, String>,
}

impl Tremendous {
    /// The vendor's campaign or product for a journey's `pick`.
    pub fn product(&self, pick: &str) -> Option<&str> {
        self.products.get(pick).or_else(|| self.products.get("default")).map(String::as_str)
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let base_url = section.outbound_url("base_url", Some(defaults::TREMENDOUS_URL));
        section.require("secret");
        let secret = section.secret("secret", defaults::GIVEN_SECRET_BYTES_MIN);
        let rate_per_second = section.number("rate_per_second", defaults::TREMENDOUS_RATE, &(1..=10_000));
        let timeout = section.seconds("timeout_seconds", defaults::VENDOR_TIMEOUT, &(1..=120));
        let funding_source =
            section.text("funding_source").unwrap_or_else(|| defaults::FUNDING_SOURCE.to_owned());
        section.require("products");
        let products = section.names("products");
        if section.has("products") && !products.contains_key("default") {
            section.note(
                Code::Together,
                "products",
                "has no default; a journey's other picks have no product",
            );
        }
        section.finish();
        let (base_url, secret) = (base_url?, secret?);
        Some(Self { base_url, secret, rate_per_second, timeout, funding_source, products })
    }
}

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all: loopback and sandboxes.
    None,
    /// Plain at first, encrypted before anything is said (port 587).
    Starttls,
    /// From the first byte (port 465).
    Tls,
}

/// `[vendors.smtp]`.
#[derive(Debug, Clone, Serialize)]
pub struct Smtp {
    /// The server's name.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// The user to log in as; `None` sends without.
    pub username: Option<String>,
    /// The user's password.
    #[serde(serialize_with = "hidden_option")]
    pub secret: Option<SecretString>,
    /// The address in `From` and of the envelope.
    pub from_address: Sensitive<String>,
    /// The name in `From`.
    pub from_name: Sensitive<String>,
    /// Mails in a second.
    pub rate_per_second: u32,
    /// After this a mail's outcome is unknown.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
}

impl Smtp {
    fn read(section: &Section<'_>) -> Option<Self> {
        for key in ["host", "from_address", "from_name"] {
            section.require(key);
        }
        let host = section.text("host");
        let port = section.number("port", defaults::SMTP_PORT, &(1..=65_535));
        let tls = tls(section);
        if let Some(host) = &host {
            section.outbound("host", host, tls != Tls::None);
        }
        let username = section.text("username");
        let secret = section.secret("secret", defaults::GIVEN_SECRET_BYTES_MIN);
        if section.has("username") != section.has("secret") {
            section.note(Code::Together, "username", "username and secret are given together or not at all");
        }
        let from_address = section.text("from_address").filter(|address| address_ok(section, address));
        let from_name = section.text("from_name");
        let rate_per_second = section.number("rate_per_second", defaults::SMTP_RATE, &(1..=10_000));
        let timeout = section.seconds("timeout_seconds", defaults::VENDOR_TIMEOUT, &(1..=120));
        section.finish();
        Some(Self {
            host: host?,
            port,
            tls,
            username,
            secret,
            from_address: from_address?.into(),
            from_name: from_name?.into(),
            rate_per_second,
            timeout,
        })
    }
}

fn tls(section: &Section<'_>) -> Tls {
    match section.text("tls").as_deref() {
        None | Some("starttls") => Tls::Starttls,
        Some("tls") => Tls::Tls,
        Some("none") => Tls::None,
        Some(other) => {
            let message = format!("is {other:?}; it must be \"none\", \"starttls\" or \"tls\"");
            section.note(Code::Value, "tls", message);
            Tls::Starttls
        }
    }
}

/// Only the shape: one @ with something printable on both sides; the server judges the rest.
fn address_ok(section: &Section<'_>, address: &str) -> bool {
    let printable = address.bytes().all(|b| b.is_ascii_graphic());
    let ok = printable && address.split('@').filter(|part| !part.is_empty()).count() == 2;
    if !ok {
        section.note(Code::Value, "from_address", "is not a mail address such as hello@example.com");
    }
    ok
}
