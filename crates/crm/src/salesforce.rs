//! Salesforce: Outbound Messages, their path token, ids, the query API.

pub mod api;
pub mod id;
pub mod outbound;
pub mod reply;
pub mod token;
