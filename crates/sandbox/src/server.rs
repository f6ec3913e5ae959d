//! The HTTP server: axum's router on connections that a handler can cut.
//!
//! The router alone cannot lose an answer; here each connection has a [`Hangup`] that closes it without
//! one, as a crash or a broken network does.

use std::convert::Infallible;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Cuts the connection that a request came on.
#[derive(Clone)]
pub(crate) struct Hangup(CancellationToken);

impl Hangup {
    /// Closes the connection without an answer; never returns, its task is dropped.
    pub(crate) async fn now(self) -> Infallible {
        self.0.cancel();
        std::future::pending().await
    }
}

/// Accepts until stopped.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        // A connection that broke before it was accepted is its caller's affair.
        if let Ok((stream, _)) = accepted {
            tasks.spawn(connection(stream, router.clone(), stop.child_token()));
        }
    }
}

async fn connection(stream: TcpStream, router: Router, cut: CancellationToken) {
    let service = TowerToHyperService::new(router.layer(Extension(Hangup(cut.clone()))));
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // How it ended concerns its caller, who sees it.
        _ = connection => {}
        () = cut.cancelled() => {}
    }
}
