//! HubSpot: signatures, webhook payloads, the CRM API. Sources: HubSpot's developer documentation.

pub mod api;
mod json;
pub mod signature;
mod uri;
pub mod webhook;
