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
