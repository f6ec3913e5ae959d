//! Names of the dispatcher's own metrics.

/// Calls to vendors, by step and result: accepted, rejected, unknown.
pub const CALLS: &str = "afterglow_dispatcher_calls_total";
/// Look-ups of calls that nobody heard the end of, by result: found, not_found, unavailable.
pub const LOOKUPS: &str = "afterglow_dispatcher_lookups_total";
/// Touchpoints concluded, by outcome.
pub const CONCLUDED: &str = "afterglow_dispatcher_concluded_total";
/// Whether a kind of vendor is paused (1) or takes calls (0), by kind.
pub const PAUSED: &str = "afterglow_dispatcher_vendor_paused";
/// Attempts that wait for a person, by step.
pub const IN_DOUBT: &str = "afterglow_dispatcher_in_doubt_total";
/// Gifts that were paid for and not handed over.
pub const NOT_HANDED_OVER: &str = "afterglow_dispatcher_not_handed_over_total";
/// Mails written without something that the CRM does not tell, by variable: owner.name, owner.email,
/// account.name.
pub const WORDS_INSTEAD: &str = "afterglow_dispatcher_words_instead_total";
/// Seconds by which the role's readers of signals are behind, all of its processes together.
pub const SIGNALS_LAG: &str = "afterglow_dispatcher_signals_lag_seconds";
