//! The error codes of log and stores (AG5xxx), never reused.

/// The log cannot be opened.
pub(crate) const LOG: &str = "AG5001";
/// A role's store cannot be opened.
pub(crate) const STORE: &str = "AG5002";
/// Kafka is away, or not as the configuration says.
#[cfg(feature = "kafka")]
pub(crate) const KAFKA: &str = "AG5003";
/// The roles' database is away, or not of this version.
#[cfg(feature = "kafka")]
pub(crate) const DATABASE: &str = "AG5004";

/// A role's cursor and the log do not fit.
pub(crate) const MISFIT: &str = "AG5005";

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
    (
        "AG5003",
        "Kafka cannot be reached, its client is refused, or the topics are missing or have another number of partitions.",
        "Do what the message says; a role that waits for Kafka goes on by itself.",
    ),
    (
        "AG5004",
        "The database cannot be reached, a role's schema does not fit this program, or the server keeps other settings.",
        "Do what the message says: `afterglow migrate` makes and updates the schemas; a role that waits goes on by itself.",
    ),
    (
        MISFIT,
        "A role remembers another place in the log than the log or its consumer group has: a topic made anew, a restored database or file, a group that was moved, a retention that overtook it. The role has stopped, since going on would skip or repeat in silence.",
        "Find out what happened, then run the command that the message names, with --dry-run first; the role goes on at its next start.",
    ),
];
