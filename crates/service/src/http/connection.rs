//! One connection: hyper's HTTP/1.1 under a watch that knows what it is waiting for.
//!
//! hyper's own header timeout also runs between two requests, so the wait for a new request and the
//! wait for the rest of one could not differ. The watch tells them apart by what passes the socket:
//! *head* (the first byte has come, or the connection is new), *busy* (a request is being answered;
//! the body's deadline is the guard's), *stuck* (the peer takes nothing of the answer), *idle*.
//!
//! Invariant: the watch changes only while hyper is polled, by the connection's own task, which looks at the
//! deadline afterwards. So nobody needs to be told of a change, and a busy connection sets no timer: a deadline
//! that was put off is noticed when the old one has come.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::at_once::AtOnce;
use super::{Limits, guard};
use crate::lifecycle::Shutdown;
use crate::metric_names;

/// Serves one connection until it ends, waits too long, or the process stops.
pub(super) async fn serve(stream: TcpStream, limits: Arc<Limits>, router: Router, shutdown: Shutdown) {
    let open = metrics::gauge!(metric_names::HTTP_CONNECTIONS);
    open.increment(1);
    let watch = Watch::new(&limits);
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let header_bytes_max = limits.header_bytes_max;
    let answering = watch.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        answering.enter(Phase::Busy);
        let (router, limits, watch) = (router.clone(), limits.clone(), answering.clone());
        async move {
            let response = guard::answer(router, &limits, request).await;
            Ok::<_, Infallible>(response.map(|body| Answer { body, watch }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(None);
    // Its own limit of 100 headers stands: set here, even the same one takes a heap buffer for each request.
    builder.max_buf_size(header_bytes_max);
    let connection = builder.serve_connection(io, service);
    run(pin!(connection), &watch, &shutdown).await;
    open.decrement(1);
}

type Served<S> = http1::Connection<TokioIo<Watched>, S>;

async fn run<S>(connection: Pin<&mut Served<S>>, watch: &Watch, shutdown: &Shutdown)
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible>,
{
    let mut timer = pin!(tokio::time::sleep(watch.header_timeout));
    let mut draining = false;
    let mut connection = AtOnce::new(connection);
    loop {
        tokio::select! {
            // What has come is looked at before the deadline: a busy process blames nobody else.
            biased;
            // A peer that breaks off or speaks no HTTP is its own affair; hyper has answered it.
            _ = &mut connection => return,
            () = shutdown.soft(), if !draining => {
                draining = true;
                connection.future.as_mut().graceful_shutdown();
            }
            () = shutdown.hard() => return,
            () = poll_fn(|cx| watch.poll_passed(timer.as_mut(), cx)) => {
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

/// What the connection waits for, and until when; while it is busy, for ever.
#[derive(Clone)]
struct Watch {
    waiting: Arc<Mutex<(Phase, Option<Instant>)>>,
    header_timeout: Duration,
    idle_timeout: Duration,
}

impl Watch {
    fn new(limits: &Limits) -> Self {
        let (header_timeout, idle_timeout) = (limits.header_timeout, limits.idle_timeout);
        let waiting = Arc::new(Mutex::new((Phase::Head, Some(Instant::now() + header_timeout))));
        Self { waiting, header_timeout, idle_timeout }
    }

    fn waiting(&self) -> MutexGuard<'_, (Phase, Option<Instant>)> {
        // No code panics while it holds the lock, so a poisoned one is still whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, phase: Phase) -> bool {
        self.waiting().0 == phase
    }

    fn enter(&self, phase: Phase) {
        let wait = match phase {
            Phase::Head => Some(self.header_timeout),
            Phase::Stuck | Phase::Idle => Some(self.idle_timeout),
            Phase::Busy => None,
        };
        let until = wait.map(|wait| Instant::now() + wait);
        *self.waiting() = (phase, until);
    }

    /// Ready when the deadline of the moment has passed; `timer` wakes the task no later than then.
    fn poll_passed(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        let (_, until) = *self.waiting();
        let Some(until) = until else { return Poll::Pending };
        if until < timer.deadline() {
            timer.as_mut().reset(until);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= until {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

/// The socket, telling the watch what passes.
struct Watched {
    stream: TcpStream,
    watch: Watch,
}

impl Watched {
    /// Notes whether the peer takes what is written.
    fn wrote<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &result {
            Poll::Pending if self.watch.is(Phase::Busy) => self.watch.enter(Phase::Stuck),
            Poll::Ready(_) if self.watch.is(Phase::Stuck) => self.watch.enter(Phase::Busy),
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
        if buffer.filled().len() > before && self.watch.is(Phase::Idle) {
            self.watch.enter(Phase::Head);
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
    watch: Watch,
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
        self.watch.enter(Phase::Idle);
    }
}
