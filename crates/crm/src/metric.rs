//! Names of the metrics that this crate emits.

/// Counter of requests to a CRM, by `vendor` and `result` (`ok`, `rate_limited`, `unauthorised`,
/// `unavailable`, `invalid`); quick retries count each.
pub const REQUESTS: &str = "afterglow_crm_requests_total";

/// Gauge of the API calls that a Salesforce org has used today, from `Sforce-Limit-Info`, by `org`.
pub const SALESFORCE_API_USED: &str = "afterglow_crm_salesforce_api_used";

/// Gauge of the API calls that a Salesforce org may make per day, from `Sforce-Limit-Info`, by `org`.
pub const SALESFORCE_API_ALLOWED: &str = "afterglow_crm_salesforce_api_allowed";
