//! Names of the metrics that this role emits besides those of the loops.

/// Records and timers that changed nothing, by `why`: repeated, early, unknown_enrolment, progress, signal.
pub const IGNORED: &str = "afterglow_engine_ignored_total";
/// Enrolments started, by `journey`.
pub const ENROLLED: &str = "afterglow_engine_enrolled_total";
/// Won deals that got no journey, by `journey`.
pub const DECLINED: &str = "afterglow_engine_declined_total";
/// Touchpoints emitted, by `channel`.
pub const TOUCHPOINTS: &str = "afterglow_engine_touchpoints_total";
/// Tasks for owners that are no moments, by `moment`: no-recipient, gift-not-handed-over.
pub const OWNER_ASKED: &str = "afterglow_engine_owner_asked_total";
/// Decisions in which an owner was to be asked or told, and the deal had none who can be reached.
pub const NOBODY_TO_ASK: &str = "afterglow_engine_nobody_to_ask_total";
/// Obligations closed, by `outcome`.
pub const CLOSED: &str = "afterglow_engine_obligations_closed_total";
/// Turns repeated because a merge's second shard was found late.
pub const REPEATED_TURNS: &str = "afterglow_engine_repeated_turns_total";
