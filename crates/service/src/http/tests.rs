//! Over raw sockets: what a hostile or broken peer sends, byte by byte, and what it gets.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::lifecycle::Tasks;

/// Short where a test waits for it, long where it must not interfere.
fn limits() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_secs(20),
        header_bytes_max: 16 << 10,
        body_bytes_max: 1000,
        connections_max: 64,
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/panic", get(async || panic_now()))
        .route("/plain", get(async || (http::StatusCode::BAD_REQUEST, "serde: expected `,` at line 3")))
        .route("/endless", get(async || Body::from_stream(endless())))
}

fn panic_now() -> &'static str {
    assert!(limits().body_bytes_max == 0, "the handler lost its mind");
    ""
}

fn endless() -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 64 << 10])))
}

async fn start(limits: Limits) -> (SocketAddr, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    tasks.spawn("server", serve(listener, router(), limits, tasks.shutdown()));
    (address, tasks)
}

/// Reads until the server closes; the test's own patience ends long after every limit.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // A reset after the answer is a close too: refused bodies are not read to their end.
    let _ = tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends bytes on a new connection and reads until the server closes it.
async fn send(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

const CLOSE: &str = "Host: a\r\nConnection: close\r\n";

#[tokio::test]
async fn heads_that_are_refused() {
    let (address, _tasks) = start(limits()).await;
    let long_target = format!("GET /?{} HTTP/1.1\r\n{CLOSE}\r\n", "a".repeat(9000));
    let long_header = format!("GET / HTTP/1.1\r\n{CLOSE}X: {}\r\n\r\n", "a".repeat(20_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{CLOSE}{}\r\n", "X: a\r\n".repeat(101));
    let encoded =
        format!("POST /echo HTTP/1.1\r\n{CLOSE}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx");
    let cases: [(&str, u16); 17] = [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
        ("GET //echo HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET /%65cho HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET /a/../echo HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        // HTTP/2 is not spoken: closed without a word.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
        (&long_target, 414),
        (&long_header, 431),
        (&many_headers, 431),
        (&encoded, 415),
    ];
    for (request, expected) in cases {
        let answer = send(address, request).await;
        let start: String = request.chars().take(80).collect();
        assert_eq!(status(&answer), expected, "{start:?} got {answer:?}");
    }
}

#[tokio::test]
async fn bodies_that_are_refused() {
    let (address, _tasks) = start(limits()).await;
    let post = |rest: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{rest}");
    // Claims are refused unread, whatever the size, and before the peer is told to continue.
    for length in ["1001", "9000000000000000000"] {
        let answer = send(address, &post(&format!("Content-Length: {length}\r\n\r\n"))).await;
        assert_eq!(status(&answer), 413, "{answer}");
        let expect = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(status(&send(address, &post(&expect)).await), 413);
    }
    let chunks = format!(
        "Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "64\r\n".to_owned() + &"x".repeat(100) + "\r\n"
    );
    let close = post(&format!("Connection: close\r\n{chunks}"));
    assert!(send(address, &close).await.ends_with("xxx"));
    let many = "64\r\n".to_owned() + &"x".repeat(100) + "\r\n";
    let many = format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", many.repeat(11));
    assert_eq!(status(&send(address, &post(&many)).await), 413);
    let stalled = send(address, &post("Content-Length: 10\r\n\r\nhalf")).await;
    assert_eq!(status(&stalled), 408, "{stalled}");
    assert!(stalled.contains(r#""type":"urn:afterglow:problem:body-slow""#), "{stalled}");
}

#[tokio::test]
async fn a_slow_header_is_cut_off_and_an_idle_connection_is_not() {
    let (address, _tasks) = start(limits()).await;
    // Nothing at all, half a header, and half a second request: each is closed without an answer.
    for bytes in ["", "GET / HTTP/1.1\r\nHos"] {
        assert_eq!(send(address, bytes).await, "");
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(whole).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), 200);
        // Longer than the header timeout: between two requests the idle timeout counts.
        let mut byte = [0];
        let waited = tokio::time::timeout(limits().header_timeout * 2, stream.read(&mut byte)).await;
        assert!(waited.is_err(), "an idle connection was closed");
    }
    stream.write_all(&whole[..20]).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn who_is_idle_or_reads_nothing_is_closed() {
    let idle_timeout = Duration::from_millis(200);
    let (address, _tasks) = start(Limits { idle_timeout, ..limits() }).await;
    assert_eq!(status(&send(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await), 200);
    // The answer never ends; the server does not write for ever to a peer that reads nothing.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // Writing blocks once the buffers are full, and fails when the server has closed.
    let bytes = vec![b'x'; 64 << 10];
    let flood = async { while stream.write_all(&bytes).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), flood).await.expect("the server closes");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let (address, _tasks) =
        start(Limits { connections_max: 1, header_timeout: Duration::from_secs(20), ..limits() }).await;
    let first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\n{CLOSE}\r\n");
    second.write_all(request.as_bytes()).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut byte)).await;
    assert!(early.is_err(), "answered beyond the cap");
    drop(first);
    assert_eq!(status(&rest(&mut second).await), 200);
}

#[tokio::test]
async fn errors_are_problem_documents_and_tell_nothing() {
    let (address, tasks) = start(limits()).await;
    let ask = async |target: &str| send(address, &format!("{target} HTTP/1.1\r\n{CLOSE}\r\n")).await;
    let panicked = ask("GET /panic").await;
    assert_eq!(status(&panicked), 500, "{panicked}");
    assert!(!panicked.contains("lost its mind"), "{panicked}");
    let plain = ask("GET /plain").await;
    assert!(plain.contains("application/problem+json") && !plain.contains("serde"), "{plain}");
    let method = ask("PUT /echo").await;
    assert_eq!(status(&method), 405);
    assert!(method.to_lowercase().contains("allow: post") && method.contains("about:blank"), "{method}");
    assert_eq!(status(&ask("GET /nowhere").await), 404);
    assert_eq!(status(&ask("GET /").await), 200, "the server lives on");
    assert!(!tasks.shutdown().is_soft(), "a panic in a handler is not a panic of the server");
}

#[tokio::test]
async fn a_drain_finishes_what_was_begun_and_accepts_no_more() {
    let (address, tasks) = start(Limits { body_timeout: Duration::from_secs(20), ..limits() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let shutdown = tasks.shutdown();
    shutdown.drain();
    let done = tasks.run_until_done(Duration::from_secs(10));
    let finish = async {
        stream.write_all(b"done").await.unwrap();
        rest(&mut stream).await
    };
    let (reason, answer) = tokio::join!(done, finish);
    assert!(status(&answer) == 200 && answer.ends_with("done"), "{answer}");
    assert_eq!(reason, crate::lifecycle::ExitReason::Done);
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
}
