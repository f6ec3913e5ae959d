//! The servers of this run, by the variables that name them.
//!
//! `with-servers` sets both; a user with servers of their own sets them instead. A test that needs a server
//! and has none fails: passing in silence would show nothing.

use std::env;

/// The variable that names a Kafka broker: `host:port`.
pub const KAFKA: &str = "AFTERGLOW_TEST_KAFKA";

/// The variable that names a PostgreSQL server: `postgres://user@host:port/database`.
pub const POSTGRES: &str = "AFTERGLOW_TEST_POSTGRES";

/// The broker's address; fails the test where there is none.
pub fn kafka() -> String {
    required(KAFKA)
}

/// The database server's URL; fails the test where there is none.
pub fn postgres() -> String {
    required(POSTGRES)
}

/// What a variable names; `None` where it is not set or empty.
pub fn given(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

fn required(variable: &str) -> String {
    let missing =
        || panic!("{variable} names no server: `make test` starts one, `make test-fast` leaves this out");
    given(variable).unwrap_or_else(missing)
}
