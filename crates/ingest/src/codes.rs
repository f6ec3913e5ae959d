//! The codes that operators see in this role's log lines and answers: code, cause, remedy.

/// A webhook's signature or token fits no active secret.
pub const UNAUTHENTIC: &str = "AG1001";
/// The log does not take records.
pub const LOG_AWAY: &str = "AG1002";
/// Authentic input that cannot be read.
pub const UNUSABLE: &str = "AG1003";
/// A deal's read fails for now.
pub const READ_FAILS: &str = "AG2001";
/// The CRM refuses our credentials.
pub const CONNECTION_BROKEN: &str = "AG2002";
/// The CRM answers what cannot be understood.
pub const READ_UNUSABLE: &str = "AG2003";
/// A hint waits for a connection that is not configured.
pub const CONNECTION_UNKNOWN: &str = "AG2004";
/// A decision cannot be stored.
pub const SETTLE_FAILS: &str = "AG2005";

/// Every code with its cause and its remedy, one line each.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        UNAUTHENTIC,
        "A webhook's signature or path token fits no active secret of its connection; it was answered 401 and nothing was stored.",
        "Compare the connection's secrets and public_url with the CRM's settings; a stranger's attempts need nothing.",
    ),
    (
        LOG_AWAY,
        "The event log did not take an authentic delivery in time; it was answered 503 and the sender tries again.",
        "Look at the log's disk or brokers; nothing accepted is lost.",
    ),
    (
        UNUSABLE,
        "An authentic delivery, or a part of one, cannot be read; it is kept raw and was answered with success.",
        "Look at it with `afterglow dead-letters list`; its reason names the field or setting.",
    ),
    (
        READ_FAILS,
        "A deal cannot be read from its CRM for now; the hint is kept and tried again with growing pauses.",
        "Look at the CRM's status page; nothing is lost meanwhile.",
    ),
    (
        CONNECTION_BROKEN,
        "The CRM refuses the connection's credentials; its hints are kept and tried every few minutes.",
        "Renew the token or secret of the connection and restart.",
    ),
    (
        READ_UNUSABLE,
        "The CRM's answer for a deal was not understood several times; the hint became a dead letter.",
        "Read the letter's reason, repair the record or the setting, then `afterglow dead-letters replay ID`.",
    ),
    (
        CONNECTION_UNKNOWN,
        "A hint belongs to a connection that is not in the configuration any more; it is kept.",
        "Put the connection back into the configuration, or leave the hint to wait.",
    ),
    (
        SETTLE_FAILS,
        "What was read of a deal cannot be stored; the hint is kept and read again when its claim ends.",
        "Look at the store's disk; if the line names a row, keep the data folder for the developers.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_of_this_role() {
        for (index, (code, cause, remedy)) in CODES.iter().enumerate() {
            assert!(code.starts_with("AG1") || code.starts_with("AG2"), "{code}");
            assert!(!cause.is_empty() && !remedy.is_empty());
            assert!(CODES[..index].iter().all(|(other, _, _)| other != code), "{code} twice");
        }
    }
}
