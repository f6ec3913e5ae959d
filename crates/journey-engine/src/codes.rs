//! The error codes that operators see from this role.

/// A deal's event waits for an earlier one that never came.
pub const GAP: &str = "AG3001";
/// A published journey cannot be read.
pub const JOURNEY: &str = "AG3002";
/// A record of this role's topics says something impossible.
pub const RECORD: &str = "AG3003";
/// A stored row cannot be read.
pub const ROW: &str = "AG3004";
/// An obligation was to be closed twice.
pub const CLOSED_TWICE: &str = "AG3005";
/// Somebody should be asked or told, and the deal has no owner who can be reached.
pub const NOBODY_TO_ASK: &str = "AG3006";

/// Every code: its number, its cause, and what to do.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        GAP,
        "Too many events of one deal wait for an earlier one, which never came.",
        "`afterglow dead-letters replay ID` with the deal's missing event, then with the others, which are in this role's dead letters.",
    ),
    (
        JOURNEY,
        "A published journey version is missing in the store, was changed there, or is not valid for this program.",
        "Run the program that published it, or restore the store from a backup.",
    ),
    (
        RECORD,
        "An event names no deal, enrolment or home key that can be, or one that belongs to another home key.",
        "Look at it with `afterglow dead-letters list`; whoever wrote it breaks the contract in proto/.",
    ),
    (
        ROW,
        "A stored row is not of its form: the file is damaged, or a newer program wrote it.",
        "Run the newer program, or restore the store from a backup.",
    ),
    (
        CLOSED_TWICE,
        "A decision would have closed an obligation that was closed before; nothing of it was stored.",
        "Report it with the dead letter: it is a bug.",
    ),
    (
        NOBODY_TO_ASK,
        "A moment waits for a contact, or a paid gift was not handed over, and the deal has no owner with an address.",
        "Give the deal an owner in the CRM; who waits for a contact is asked about the next day.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_of_this_role_and_unique() {
        let mut numbers: Vec<&str> = CODES.iter().map(|(code, _, _)| *code).collect();
        assert!(numbers.iter().all(|code| code.starts_with("AG3") && code.len() == 6));
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len());
    }
}
