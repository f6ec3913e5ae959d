//! Names of the metrics that this role emits besides those of the loops.

/// Records and timers that changed nothing, by `why`: repeated, early, unknown_enrolment, progress, signal.
pub const IGNORED: &str = "afterglow_engine_ignored_total";
/// Enrolments started, by `journey`.
pub const ENROLLED: &str = "afterglow_engine_enrolled_total";
/// Won deals that got no journey, by `journey`.
pub const DECLINED: &str = "afterglow_engine_declined_total";
/// Touchpoints emitted, by `channel`.
pub const TOUCHPOINTS: &str = "afterglow_engine_touchpoints_total";
/// Obligations closed, by `outcome`.
pub const CLOSED: &str = "afterglow_engine_obligations_closed_total";
/// Turns repeated because a merge's second shard was found late.
pub const REPEATED_TURNS: &str = "afterglow_engine_repeated_turns_total";
