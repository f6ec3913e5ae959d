//! Ports for the product, chosen beforehand and kept over its restarts.
//!
//! They lie below the range from which systems give ports to outgoing connections (32768 and up on
//! Linux): while the product is down, no connection of the test can sit down on its port.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// A port on loopback that nobody listens on now. Processes start at different places, so that two
/// suites at a time do not choose the same one.
pub fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::SeqCst);
        let port = FIRST + (std::process::id().wrapping_mul(97).wrapping_add(step)) % COUNT;
        let port = u16::try_from(port).expect("the range lies below 65536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {} on loopback", FIRST + COUNT);
}
