//! Addresses of servers: ours and others'.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An absolute http or https URL without query, fragment and trailing slash: paths are appended to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    host: String,
}

/// Why a text is not a [`BaseUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUrl(String);

impl BaseUrl {
    /// `https://journeys.example.com`, or with a path behind it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, in lower case; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is https.
    pub fn is_encrypted(&self) -> bool {
        self.text.starts_with("https:")
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidUrl;
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let refuse = |why: &str| InvalidUrl(why.to_owned());
        let url = reqwest::Url::parse(text).map_err(|error| InvalidUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("the scheme is neither http nor https"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a query or fragment has no meaning here"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a user or password does not belong into a URL"));
        }
        let host = url.host_str().ok_or_else(|| refuse("the host is missing"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), host })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Whether the host is this machine. Names other than `localhost` are not looked up: what a name
/// resolves to may change after the check.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_absolute_and_bare() {
        let url: BaseUrl = "https://Journeys.Example.com/crm/".parse().unwrap();
        assert_eq!((url.as_str(), url.host()), ("https://journeys.example.com/crm", "journeys.example.com"));
        assert_eq!("http://[::1]:8080".parse::<BaseUrl>().unwrap().host(), "::1");
        for bad in ["", "example.com", "ftp://example.com", "https://a/?b=1", "https://u:p@a", "https://"] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback_is_decided_without_looking_up_names() {
        assert!(["localhost", "127.0.0.1", "127.9.9.9", "::1"].iter().all(|host| is_loopback(host)));
        assert!(
            !["localhost.evil.com", "10.0.0.1", "0.0.0.0", "2130706433"].iter().any(|host| is_loopback(host))
        );
    }
}
