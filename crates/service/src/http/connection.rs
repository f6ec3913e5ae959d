//! One connection: hyper's HTTP/1.1 under a watch that knows what it is waiting for.
//!
//! hyper's own header timeout also runs between two requests, so the wait for a new request and the
//! wait for the rest of one could not differ. The watch tells them apart by what passes the socket:
//! *head* (the first byte has come, or the connection is new), *busy* (a request is being answered;
//! the body's deadline is the guard's), *stuck* (the peer takes nothing of the answer), *idle*.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{HEADERS_MAX, Limits, guard};
use crate::lifecycle::Shutdown;
use crate::metric_names;

/// What was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) limits: Arc<Limits>,
}

/// Serves one connection until it ends, waits too long, or the process stops.
pub(super) async fn serve(accepted: Accepted, router: Router, shutdown: Shutdown) {
    let Accepted { stream, peer, limits } = accepted;
    let open = metrics::gauge!(metric_names::HTTP_CONNECTIONS);
    open.increment(1);
    let (phase, mut deadline) = PhaseSender::new(&limits);
    let io = TokioIo::new(Watched { stream, phase: phase.clone() });
    let header_bytes_max = limits.header_bytes_max;
    let service = service_fn(move |mut request: Request<Incoming>| {
        phase.enter(Phase::Busy);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, limits, phase) = (router.clone(), limits.clone(), phase.clone());
        async move {
            let response = guard::answer(router, &limits, request).await;
            Ok::<_, Infallible>(response.map(|body| Answer { body, phase }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(None);
    builder.max_buf_size(header_bytes_max).max_headers(HEADERS_MAX);
    let connection = builder.serve_connection(io, service);
    run(pin!(connection), &mut deadline, &shutdown).await;
    open.decrement(1);
}

type Served<S> = http1::Connection<TokioIo<Watched>, S>;

async fn run<S>(
    mut connection: Pin<&mut Served<S>>,
    deadline: &mut watch::Receiver<Waiting>,
    shutdown: &Shutdown,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible>,
{
    let mut draining = false;
    loop {
        tokio::select! {
            // What has come is looked at before the deadline: a busy process blames nobody else.
            biased;
            // A peer that breaks off or speaks no HTTP is its own affair; hyper has answered it.
            _ = connection.as_mut() => return,
            () = shutdown.soft(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = shutdown.hard() => return,
            () = passed(deadline) => {
                metrics::counter!(metric_names::HTTP_TIMEOUTS).increment(1);
                return;
            }
        }
    }
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Busy,
    Stuck,
    Idle,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    phase: Phase,
    until: Option<Instant>,
}

/// Ends when the deadline of the moment has passed.
async fn passed(waiting: &mut watch::Receiver<Waiting>) {
    loop {
        let until = waiting.borrow_and_update().until;
        match until {
            None => drop(waiting.changed().await),
            Some(until) => tokio::select! {
                biased;
                changed = waiting.changed() => drop(changed),
                () = tokio::time::sleep_until(until) => return,
            },
        }
    }
}

#[derive(Clone)]
struct PhaseSender {
    waiting: Arc<watch::Sender<Waiting>>,
    header_timeout: Duration,
    idle_timeout: Duration,
}

impl PhaseSender {
    fn new(limits: &Limits) -> (Self, watch::Receiver<Waiting>) {
        let (header_timeout, idle_timeout) = (limits.header_timeout, limits.idle_timeout);
        let until = Some(Instant::now() + header_timeout);
        let (sender, receiver) = watch::channel(Waiting { phase: Phase::Head, until });
        (Self { waiting: Arc::new(sender), header_timeout, idle_timeout }, receiver)
    }

    fn is(&self, phase: Phase) -> bool {
        self.waiting.borrow().phase == phase
    }

    fn enter(&self, phase: Phase) {
        let until = match phase {
            Phase::Head => Some(self.header_timeout),
            Phase::Stuck | Phase::Idle => Some(self.idle_timeout),
            Phase::Busy => None,
        };
        self.waiting.send_replace(Waiting { phase, until: until.map(|wait| Instant::now() + wait) });
    }
}

/// The socket, telling the watch what passes.
struct Watched {
    stream: TcpStream,
    phase: PhaseSender,
}

impl Watched {
    /// Notes whether the peer takes what is written.
    fn wrote<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &result {
            Poll::Pending if self.phase.is(Phase::Busy) => self.phase.enter(Phase::Stuck),
            Poll::Ready(_) if self.phase.is(Phase::Stuck) => self.phase.enter(Phase::Busy),
            _ => {}
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before && self.phase.is(Phase::Idle) {
            self.phase.enter(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer's body; when it is gone, written or broken off, the connection is idle.
struct Answer {
    body: Body,
    phase: PhaseSender,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.enter(Phase::Idle);
    }
}
