//! A server and a client for the tests of the API clients: real HTTP on a loopback port.

use axum::Router;

/// Serves until the test's runtime ends; answers the base URL.
#[expect(clippy::disallowed_methods, reason = "a test's server lives exactly as long as its runtime")]
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// A client as the service crate would hand it in, without TLS material of its own.
#[expect(clippy::disallowed_methods, reason = "the configured client lives in a crate beside this one")]
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
