//! The HTTP server of every role: axum's router behind limits that axum and hyper do not set.
//!
//! What it refuses, and why, is told in [`guard`]; what it waits for, in [`connection`]. HTTP/1.1
//! only: TLS and HTTP/2 end at the load balancer in front, which leaves HTTP/2's floods there too.
//! Invariant: every wait has a deadline and every buffer a limit. Deliberately absent: decompression
//! (no sender of ours compresses) and trust in `Host` or `X-Forwarded-*`: the public URL is configured.

mod at_once;
mod connection;
mod guard;
mod problem;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

pub use problem::{PROBLEM_TYPE, problem, unavailable};

use crate::config::seconds;
use crate::lifecycle::Shutdown;

/// What the server puts up with. The defaults are those of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// From a connection's or request's first byte until its headers are complete.
    #[serde(rename = "header_timeout_seconds", serialize_with = "seconds")]
    pub header_timeout: Duration,
    /// For the whole of a request's body.
    #[serde(rename = "body_timeout_seconds", serialize_with = "seconds")]
    pub body_timeout: Duration,
    /// Between two requests of a connection, and for a reader who takes nothing of an answer.
    #[serde(rename = "idle_timeout_seconds", serialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// Request line and headers together.
    pub header_bytes_max: usize,
    /// A request's body.
    pub body_bytes_max: usize,
    /// Connections at a time; more wait in the operating system's queue.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The slowest honest sender seen needs two seconds.
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            // Real webhooks have 2 KiB of headers; proxies add some.
            header_bytes_max: 32 << 10,
            // A batch of 100 Salesforce notifications stays below half of it.
            body_bytes_max: 1 << 20,
            // An idle connection costs about 6 KiB, a descriptor and a task.
            connections_max: 2048,
        }
    }
}

/// The pause after the operating system refused a connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` drains: then it accepts no more, finishes the requests that it has, and
/// ends; on the hard stop it drops them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: Shutdown,
) -> Result<(), Infallible> {
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let limits = Arc::new(limits);
    let connections = TaskTracker::new();
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = shutdown.soft() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let task = connection::serve(stream, limits.clone(), router.clone(), shutdown.clone());
        connections.spawn(async move {
            task.await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// The next connection. The permit comes first, so that what exceeds the cap is never accepted.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and whole: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
