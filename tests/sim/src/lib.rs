//! The whole product under a model: one thread, no sockets, every step in the order that a seed says.
//!
//! A [`world`] has the real edge, resolver, engine and dispatcher on stores and a log of either kind
//! ([`ground`]), a CRM whose truth changes ([`crm`]), vendors with ledgers ([`vendors`]), and one clock. A list of
//! [`op`]erations moves them: deals are won, reopened, merged; webhooks come late, twice, shuffled or
//! never; the clock jumps; the process dies between any two transactions, or a COMMIT fails before or
//! after it happened; the log, the CRM and the vendors refuse or lose their answers. In the end everything
//! heals, the world comes to rest, and [`checks`] looks for what the design forbids.
//!
//! What counts as failure: a broken invariant, at any step or at rest; a trace that differs between the
//! model and SQLite for one seed; a replay of the whole log that changes anything. What does not: an event
//! twice in the log under one id, a mail that never arrived and has its in-doubt row.
//!
//! Deliberately absent: real time, sockets, threads, and several processes on one store (the suites over
//! the real binary have those). Two things decide nothing by design: `ce_time`, and on a pair of runs the
//! order in which shard classes are served, which a restart may change (see [`world::Setup::spread`]).

pub mod chance;
pub mod checks;
pub mod crm;
pub mod ground;
pub mod journeys;
pub mod life;
pub mod log;
pub mod op;
pub mod roles;
pub mod sabotage;
pub mod trace;
pub mod vendors;
pub mod world;
