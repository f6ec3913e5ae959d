//! The dispatcher's error codes: what operators see, why, and what to do.

/// The gift vendor's account is empty.
pub const NO_FUNDS: &str = "AG4001";
/// A vendor refuses our settings.
pub const VENDOR_SETTINGS: &str = "AG4002";
/// An attempt waits for a person.
pub const IN_DOUBT: &str = "AG4003";
/// A claim failed and was postponed.
pub const CLAIM_POSTPONED: &str = "AG4004";
/// An answer of a vendor could not be recorded.
pub const NOT_RECORDED: &str = "AG4005";
/// Unsubscriptions are not read up to now.
pub const SIGNALS_BEHIND: &str = "AG4006";
/// A gift is paid for and was not handed over.
pub const NOT_HANDED_OVER: &str = "AG4007";
/// A mail is written without something that the CRM does not tell.
pub const WORDS_INSTEAD: &str = "AG4008";

/// Code, cause, remedy.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        NO_FUNDS,
        "The gift vendor's account has no funds; gifts wait.",
        "Fill the account; orders go on by themselves within five minutes.",
    ),
    (
        VENDOR_SETTINGS,
        "A vendor refuses our secret, address or product; its touchpoints wait.",
        "Correct [vendors.*] and restart; calls go on within five minutes, nothing is lost until a touchpoint's deadline.",
    ),
    (
        IN_DOUBT,
        "Nobody knows whether a call worked, and it cannot be looked up.",
        "Look at the vendor, then `afterglow attempts resolve ID --sent` or `--not-sent`.",
    ),
    (
        CLAIM_POSTPONED,
        "A touchpoint could not be decided on; it is tried again in an hour.",
        "The log line names the cause; a newer program may be needed to read the row.",
    ),
    (
        NOT_RECORDED,
        "A vendor answered, but the store did not take the answer.",
        "Free the disk or repair the store; the attempt is looked up (a gift) or left in doubt (a mail).",
    ),
    (
        SIGNALS_BEHIND,
        "Unsubscriptions are not read up to now, so no mail is sent.",
        "Look at the consumer of the signals topic; mails go on by themselves.",
    ),
    (
        NOT_HANDED_OVER,
        "A gift is ordered and paid for, and its mail cannot be sent: the address is refused, the person unsubscribed, or the deadline passed.",
        "Hand it over or cancel it in the vendor's account, then `afterglow attempts resolve ID --sent` (handed over) or `--not-sent` (given up); it stays in `afterglow attempts list` until then, and its money counts as spent.",
    ),
    (
        WORDS_INSTEAD,
        "A deal has no owner, its owner has no address, or the customer's company is not known; its mail goes with other words.",
        "Fill it in in the CRM; later mails are written with it.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_of_our_range_and_differ() {
        for (index, (code, cause, remedy)) in CODES.iter().enumerate() {
            assert!(code.starts_with("AG4") && !cause.is_empty() && !remedy.is_empty());
            assert!(CODES[index + 1..].iter().all(|(other, _, _)| other != code));
        }
    }
}
