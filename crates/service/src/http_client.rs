//! The one way to make an HTTP client: for vendors and CRMs at configured addresses.
//!
//! No redirects (one could lead a signed request elsewhere), no retries of its own (an attempt is
//! one network call; who repeats it is decided above), every wait limited, answers read with a cap.
//! On forged targets (SSRF): these clients call only base URLs of the configuration, which an
//! operator writes; nothing from a webhook, a record or a journey ever becomes a URL.

use std::sync::Once;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, ClientBuilder, Response, redirect, retry};

/// What clients differ in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// For the whole call, the answer's body included.
    pub timeout: Duration,
    /// Connections kept for each host while nothing is asked.
    pub idle_per_host_max: usize,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are followed.
    pub system_proxy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // A host that takes longer to reach is not there.
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            // As many as one process calls a vendor at a time.
            idle_per_host_max: 8,
            system_proxy: false,
        }
    }
}

/// The name by which we are known in vendors' logs.
const USER_AGENT: &str = concat!("afterglow/", env!("CARGO_PKG_VERSION"));
/// Shorter than any load balancer's own, so that a connection is not reused while it is being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct Error(#[from] reqwest::Error);

/// Makes a client. On a machine without root certificates it can call plain http only (loopback and
/// sandboxes); that is said in the log, and every https call will fail with its reason.
pub fn build(options: &Options) -> Result<Client, Error> {
    install_crypto();
    match configured(options).build() {
        Ok(client) => Ok(client),
        Err(error) => {
            let client = configured(options).tls_certs_only([]).build()?;
            tracing::warn!(%error, "no root certificates on this machine, https calls will fail; \
                 install the package ca-certificates");
            Ok(client)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that configures a client")]
fn configured(options: &Options) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(options.idle_per_host_max)
        .tcp_nodelay(true);
    if options.system_proxy { builder } else { builder.no_proxy() }
}

/// Installs ring as the process's TLS provider; again is harmless.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    // An error means that another provider is installed already, which serves as well.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// Why an answer's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the cap; what was read is thrown away.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// It broke off or did not come in time. The text has no URL, which may carry a token.
    #[error("the answer broke off: {0}")]
    Broken(reqwest::Error),
}

/// Reads an answer's body up to `bytes_max`.
pub async fn read_capped(mut response: Response, bytes_max: usize) -> Result<Bytes, BodyError> {
    if response.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(BodyError::TooLong(bytes_max));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| BodyError::Broken(error.without_url()))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLong(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::response::Redirect;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::{Limits, serve};
    use crate::lifecycle::Tasks;

    async fn fake() -> (Tasks, String) {
        let chunks = || futures::stream::iter([1, 2].map(|_| Ok::<_, std::io::Error>("x".repeat(600))));
        let router = Router::new()
            .route("/long", get(async || "x".repeat(1200)))
            .route("/chunked", get(async move || Body::from_stream(chunks())))
            .route("/away", get(async || Redirect::temporary("/long")));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let tasks = Tasks::new();
        tasks.spawn("fake", serve(listener, router, Limits::default(), tasks.shutdown()));
        (tasks, base)
    }

    #[tokio::test]
    async fn answers_are_capped_and_redirects_are_not_followed() {
        let (tasks, base) = fake().await;
        let client = build(&Options::default()).unwrap();
        let ask = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(ask("/away").await.status(), 307);
        for path in ["/long", "/chunked"] {
            assert_eq!(read_capped(ask(path).await, 1200).await.unwrap().len(), 1200, "{path}");
            assert!(
                matches!(read_capped(ask(path).await, 1199).await, Err(BodyError::TooLong(1199))),
                "{path}"
            );
        }
        tasks.shutdown().abort();
    }
}
