//! The token in the path of a Salesforce webhook: Outbound Messages are not signed, so this is what
//! tells one customer's org from a stranger's. TLS and the org id are the other two checks.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::secrets::{Matched, Secrets};

/// Which active token was presented; `None` means 401. Digests are compared, in constant time, so that
/// neither the content nor the length of a token shows in the time taken.
pub fn check(presented: &str, secrets: &Secrets) -> Option<Matched> {
    let digest = Sha256::digest(presented.as_bytes());
    secrets.each().find_map(|(matched, secret)| {
        bool::from(Sha256::digest(secret.as_bytes()).ct_eq(&digest)).then_some(matched)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tokens_open_and_nothing_else_does() {
        let secrets = Secrets::new("new-token".into(), Some("old-token".into())).unwrap();
        assert_eq!(check("new-token", &secrets), Some(Matched::Current));
        assert_eq!(check("old-token", &secrets), Some(Matched::Previous));
        for bad in ["", "new-toke", "new-token ", "NEW-TOKEN"] {
            assert_eq!(check(bad, &secrets), None, "{bad:?}");
        }
        assert!(Secrets::new("".into(), None).is_err());
        assert!(Secrets::new("a".into(), Some("".into())).is_err());
    }
}
