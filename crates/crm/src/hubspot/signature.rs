//! HubSpot's request signatures: v3, and the older v2 (workflow webhooks) and v1.
//!
//! Source: HubSpot, "Validating requests from HubSpot". Invariant: the decision is made on the raw
//! body bytes and the *configured* public URL, never on a `Host` header; only v3 has a time window, so
//! v1, which does not even cover the URL, is refused unless the connection allows it.
//! The age check differs from HubSpot's own SDKs on purpose: they accept timestamps in the future.

use afterglow_domain::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::uri;
use crate::secrets::{Matched, Secrets};

/// The header with the v3 signature.
pub const V3_HEADER: &str = "x-hubspot-signature-v3";
/// The header with the v3 signature's time, milliseconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-hubspot-request-timestamp";
/// The header with a v1 or v2 signature.
pub const LEGACY_HEADER: &str = "x-hubspot-signature";
/// The header that says whether that one is v1 or v2; v1 where it is absent.
pub const LEGACY_VERSION_HEADER: &str = "x-hubspot-signature-version";

/// How far a v3 timestamp may lie from now, either way (HubSpot: five minutes).
const SKEW_MAX_MS: i64 = 300_000;
/// More signatures than this in one request buy an attacker our CPU and a sender nothing.
const SIGNATURES_MAX: usize = 10;
/// Bodies above this get no diagnosis of a mismatch: it costs several more digests.
const DIAGNOSIS_BODY_MAX: usize = 64 * 1024;

/// A request as its sender signed it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method, upper case.
    pub method: &'a str,
    /// The full URL that HubSpot was told to call: configured public URL, path and query.
    pub uri: &'a str,
    /// The body's bytes as received.
    pub body: &'a [u8],
}

/// Which kind of signature it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SHA-256 over secret and body; replayable, allowed by configuration only.
    V1,
    /// SHA-256 over secret, method, URI and body; of workflow webhooks.
    V2,
    /// HMAC-SHA256 over method, URI, body and time.
    V3,
}

/// An authentic request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The secret it was signed with.
    pub secret: Matched,
    /// The kind of signature.
    pub version: Version,
}

/// Why a request is not authentic. All of these are one 401 to the caller; the kind is for metrics
/// and for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header that must be there is not.
    #[error("the request has no {0} header")]
    Missing(&'static str),
    /// A header cannot be what HubSpot sends.
    #[error("{0}")]
    Malformed(&'static str),
    /// The v3 timestamp is too far from now.
    #[error(
        "the signature's time is {skew_ms} ms away from ours, more than five minutes: check this machine's clock"
    )]
    Stale {
        /// Ours minus theirs: positive is old, negative is from the future.
        skew_ms: i64,
    },
    /// No active secret gives this signature.
    #[error(
        "the signature fits no active secret ({}): check the app's client secret and the connection's public_url",
        hint.unwrap_or("no near miss found")
    )]
    Mismatch {
        /// What would have made it match.
        hint: Option<&'static str>,
    },
    /// Signed with v1, which this connection does not allow.
    #[error(
        "the request is signed with v1, which can be replayed: set allow_v1 if this app sends nothing newer"
    )]
    V1NotAllowed,
}

impl Error {
    /// The label used in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Malformed(_) => "malformed",
            Self::Stale { .. } => "stale",
            Self::Mismatch { .. } => "mismatch",
            Self::V1NotAllowed => "v1_not_allowed",
        }
    }
}

/// What one connection accepts.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The app's client secrets.
    pub secrets: Secrets,
    /// Whether v1 signatures are good enough.
    pub allow_v1: bool,
}

impl Verifier {
    /// Decides whether HubSpot sent this request. A v3 signature, where there is one, decides alone.
    pub fn verify(
        &self,
        request: &Request<'_>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        if headers.contains_key(V3_HEADER) {
            return self.verify_v3(request, headers, now);
        }
        if !headers.contains_key(LEGACY_HEADER) {
            return Err(Error::Missing("X-HubSpot-Signature-v3"));
        }
        let presented = presented(headers, LEGACY_HEADER, from_hex)?;
        match single(headers, LEGACY_VERSION_HEADER)? {
            None | Some("v1") if self.allow_v1 => {
                let digest = |secret: &str, _: &str| sha256(&[secret.as_bytes(), request.body]);
                self.find(Version::V1, request, &presented, &digest)
            }
            None | Some("v1") => Err(Error::V1NotAllowed),
            Some("v2") => {
                let digest = |secret: &str, uri: &str| {
                    sha256(&[secret.as_bytes(), request.method.as_bytes(), uri.as_bytes(), request.body])
                };
                self.find(Version::V2, request, &presented, &digest)
            }
            Some(_) => Err(Error::Malformed("the signature's version is neither v1 nor v2")),
        }
    }

    fn verify_v3(
        &self,
        request: &Request<'_>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        let presented = presented(headers, V3_HEADER, from_base64)?;
        let timestamp =
            single(headers, TIMESTAMP_HEADER)?.ok_or(Error::Missing("X-HubSpot-Request-Timestamp"))?;
        if timestamp.len() != 13 || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::Malformed("the signature's time is not 13 digits of milliseconds"));
        }
        let theirs: i64 =
            timestamp.parse().map_err(|_| Error::Malformed("the signature's time is no number"))?;
        let skew_ms = now.as_millis().saturating_sub(theirs);
        if skew_ms.saturating_abs() > SKEW_MAX_MS {
            return Err(Error::Stale { skew_ms });
        }
        let digest = |secret: &str, uri: &str| v3(secret, request, uri, timestamp);
        self.find(Version::V3, request, &presented, &digest)
    }

    /// Tries every secret over every legitimate spelling of the URI; then, for the operator only, over
    /// near misses.
    fn find(
        &self,
        version: Version,
        request: &Request<'_>,
        presented: &[[u8; 32]],
        digest: &dyn Fn(&str, &str) -> [u8; 32],
    ) -> Result<Verified, Error> {
        let fits = |uri: &str| {
            self.secrets.each().find_map(|(matched, secret)| {
                let expected = digest(secret, uri);
                let equal = presented.iter().any(|one| bool::from(one.ct_eq(&expected)));
                equal.then_some(matched)
            })
        };
        // HubSpot documents the decoded form, its SDKs sign the raw one; both cover the same request.
        let decoded =
            Some(uri::decoded(request.uri)).filter(|uri| version == Version::V3 && *uri != request.uri);
        if let Some(secret) = fits(request.uri).or_else(|| decoded.as_deref().and_then(fits)) {
            return Ok(Verified { secret, version });
        }
        let diagnosable = version != Version::V1 && request.body.len() <= DIAGNOSIS_BODY_MAX;
        let near = if diagnosable { uri::near_misses(request.uri) } else { Vec::new() };
        let hint = near.iter().find(|(uri, _)| fits(&uri::decoded(uri)).is_some());
        Err(Error::Mismatch { hint: hint.map(|(_, hint)| *hint) })
    }
}

/// Signs a request as HubSpot does with v3: the value of [`V3_HEADER`] for this time. The other header,
/// [`TIMESTAMP_HEADER`], is `at.as_millis()` in decimal.
pub fn sign_v3(secret: &SecretString, request: &Request<'_>, at: Timestamp) -> String {
    let timestamp = at.as_millis().to_string();
    STANDARD.encode(v3(secret.expose_secret(), request, &uri::decoded(request.uri), &timestamp))
}

fn v3(secret: &str, request: &Request<'_>, uri: &str, timestamp: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    for part in [request.method.as_bytes(), uri.as_bytes(), request.body, timestamp.as_bytes()] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The signatures that a header lists; at least one that decodes to 32 bytes.
fn presented(
    headers: &HeaderMap,
    name: &str,
    decode: fn(&str) -> Option<[u8; 32]>,
) -> Result<Vec<[u8; 32]>, Error> {
    let mut found = Vec::new();
    let mut listed = 0;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| Error::Malformed("the signature is not ASCII"))?;
        for one in text.split(',') {
            listed += 1;
            if listed > SIGNATURES_MAX {
                return Err(Error::Malformed("the request lists more than ten signatures"));
            }
            found.extend(decode(one.trim()));
        }
    }
    if found.is_empty() {
        Err(Error::Malformed("the signature does not decode to 32 bytes"))
    } else {
        Ok(found)
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    // 44 characters without padding stand for 33 bytes; a longer text has no room here, and is none of ours.
    let mut bytes = [0; 33];
    let decoded = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes[..decoded].try_into().ok()
}

/// The value of a header that may occur once.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Malformed("a signature header occurs twice"));
    }
    first.to_str().map(Some).map_err(|_| Error::Malformed("a signature header is not ASCII"))
}

#[cfg(test)]
mod tests;
