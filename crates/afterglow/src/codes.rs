//! The error codes of log and stores (AG5xxx), never reused.

/// The log cannot be opened.
pub(crate) const LOG: &str = "AG5001";
/// A role's store cannot be opened.
pub(crate) const STORE: &str = "AG5002";

/// Each code with its cause and its remedy.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        LOG,
        "The event log (log.db) cannot be opened: another number of partitions, a newer program's file, or the disk.",
        "Do what the message says; the file itself is never changed by a refused start.",
    ),
    (
        STORE,
        "A role's database in the data folder cannot be opened: a newer program's file, or the disk.",
        "Run the program that wrote it, or a newer one; check the disk and the folder's permissions.",
    ),
];
