//! The link by which a recipient leaves: signed, opaque, and without personal data in it.
//!
//! The dispatcher makes it, the edge takes it back. It names the tenant's customer, the touchpoint and the
//! address only as an HMAC, so neither side needs to look anything up and a log that catches the link
//! learns no address. Two keys may be active at once; the first signs.

use afterglow_domain::{HomeKey, Sensitive, TouchpointId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Whose customer.
    pub home: HomeKey,
    /// In answer to which touchpoint.
    pub touchpoint: TouchpointId,
    /// Which address, as [`address_hmac`] gives it.
    pub address_hmac: [u8; 32],
}

/// The longest token looked at, in characters; ours are far shorter.
const TOKEN_CHARS_MAX: usize = 600;

/// HMAC-SHA256 of the normalised address (trimmed, lower case) with the tenant's name: how the suppression
/// list knows an address without keeping it.
pub fn address_hmac(key: &SecretString, tenant: &str, address: &Sensitive<String>) -> [u8; 32] {
    let normalised = address.expose().trim().to_lowercase();
    digest(key, &[b"address", tenant.as_bytes(), normalised.as_bytes()])
}

/// The link's token, signed with `key`.
pub fn sign(key: &SecretString, link: &Unsubscribe) -> String {
    let mut payload = Vec::with_capacity(160);
    payload.extend_from_slice(link.touchpoint.as_bytes());
    payload.extend_from_slice(&link.address_hmac);
    payload.extend_from_slice(link.home.as_str().as_bytes());
    let signature = digest(key, &[b"unsubscribe", &payload]);
    payload.extend_from_slice(&signature);
    URL_SAFE_NO_PAD.encode(payload)
}

/// What a token says, if one of the keys signed it.
pub fn verify(keys: &[SecretString], token: &str) -> Option<Unsubscribe> {
    if token.len() > TOKEN_CHARS_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (payload, signature) = bytes.split_last_chunk::<32>()?;
    let signed = |key: &SecretString| mac(key, &[b"unsubscribe", payload]).verify_slice(signature).is_ok();
    if !keys.iter().any(signed) {
        return None;
    }
    let (touchpoint, rest) = payload.split_first_chunk::<16>()?;
    let (address_hmac, home) = rest.split_first_chunk::<32>()?;
    Some(Unsubscribe {
        home: HomeKey::new(std::str::from_utf8(home).ok()?).ok()?,
        touchpoint: TouchpointId::from_slice(touchpoint)?,
        address_hmac: *address_hmac,
    })
}

fn mac(key: &SecretString, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn digest(key: &SecretString, parts: &[&[u8]]) -> [u8; 32] {
    mac(key, parts).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Unsubscribe {
        Unsubscribe {
            home: HomeKey::new("acme/hubspot:33:9001").unwrap(),
            touchpoint: TouchpointId::from_slice(&[7; 16]).unwrap(),
            address_hmac: address_hmac(&"k".into(), "acme", &" Ann@Example.com ".into()),
        }
    }

    #[test]
    fn a_link_comes_back_with_either_key() {
        let token = sign(&"old".into(), &link());
        assert_eq!(verify(&["new".into(), "old".into()], &token), Some(link()));
        assert_eq!(verify(&["new".into()], &token), None);
    }

    #[test]
    fn an_altered_link_is_none() {
        let token = sign(&"key".into(), &link());
        for index in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_ne!(verify(&["key".into()], &altered), Some(link()), "{index}");
        }
        assert_eq!(verify(&["key".into()], ""), None);
        assert_eq!(verify(&["key".into()], &"A".repeat(10_000)), None);
    }

    /// Made with Python's `hmac`, as the contract says it: strangers compute it, too.
    #[test]
    fn an_address_hmac_never_changes() {
        let hmac =
            address_hmac(&"suppression-key-of-the-sandbox-01".into(), "acme", &" Ann@Example.com ".into());
        assert_eq!(hex(&hmac), "8c50163fce77898d8d32b0e54d193db32410c44d75336385795dbd26161845e0");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn one_address_has_one_hmac_per_tenant() {
        let key = "k".into();
        assert_eq!(link().address_hmac, address_hmac(&key, "acme", &"ann@example.com".into()));
        assert_ne!(link().address_hmac, address_hmac(&key, "other", &"ann@example.com".into()));
    }
}
