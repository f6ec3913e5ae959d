//! The binary: one process that runs everything ([`embedded`]), and the commands around it ([`cli`]).
//!
//! Everything here is wiring: the configuration becomes each role's options, each role gets its store,
//! its consumer and its loops. No decision is made here.

pub mod cli;
pub mod codes;
mod commands;
mod demo;
pub mod embedded;
mod events_api;
mod ground;
mod record_json;
mod roles;
#[cfg(feature = "kafka")]
mod scaled;

/// Of every program that is the product, on Linux also of its C libraries (the manifest's `override`). A webhook
/// with its record makes eighty small allocations, some of which another thread frees: librdkafka's of each header
/// on one of its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
