//! Names of the metrics that the loops emit.

/// Records decided, by role and topic.
pub const RECEIVED: &str = "afterglow_received_total";
/// Records or timers that a decision failed on, by role.
pub const ERRORED: &str = "afterglow_errored_total";
/// Records parked as dead letters, by role.
pub const PARKED: &str = "afterglow_dead_letters_total";
/// Signals that came again and were recognised by their mark, by role.
pub const REPEATED: &str = "afterglow_repeated_total";
/// Timers fired, by role and timeline.
pub const TIMERS_FIRED: &str = "afterglow_timers_fired_total";
/// How late a timer fired, in seconds of its own clock.
pub const TIMER_LATENESS: &str = "afterglow_timer_lateness_seconds";
/// Rows or details of rows that were forgotten because of their age, by role and `what`: `inbox_marks`, `dead_letters`, `details`.
pub const FORGOTTEN: &str = "afterglow_forgotten_total";
/// Events appended to the log by the relay, by role.
pub const SENT: &str = "afterglow_sent_total";
/// How long a transaction waited for its shards' locks, in seconds, by role.
pub const LOCK_WAIT: &str = "afterglow_shard_lock_wait_seconds";
/// How many shards a transaction locked, by role.
pub const SHARDS: &str = "afterglow_shards_per_transaction";
/// Shards with due timers that another transaction held, so that they were left for the next turn, by role.
pub const SHARDS_SKIPPED: &str = "afterglow_shards_skipped_total";
/// Events that the relay found out of the order of their commits, by role; anything but 0 is a bug.
pub const OUT_OF_ORDER: &str = "afterglow_relay_out_of_order_total";
/// Events that wait for the log in a role's outbox, by role; counted up to 10,000.
pub const OUTBOX_ROWS: &str = "afterglow_outbox_rows";
/// How long the oldest event in a role's outbox has waited for the log, in seconds, by role.
pub const OUTBOX_AGE: &str = "afterglow_outbox_oldest_seconds";
/// How often a role's store was found to give no answer, by role.
pub const STORE_OUTAGES: &str = "afterglow_store_outages_total";
/// Connections of this process to the database, by role and `state`: `open` are all of them, `used` those at work.
pub const CONNECTIONS: &str = "afterglow_database_connections";
/// How long the oldest transaction of any Afterglow process in this database has run, in seconds.
pub const LONGEST_TRANSACTION: &str = "afterglow_database_longest_transaction_seconds";
/// How many transactions ago the oldest snapshot in this database was taken, by whomever: a dump or a report holds up the clean-up of rows.
pub const OLDEST_SNAPSHOT: &str = "afterglow_database_oldest_snapshot_transactions";
