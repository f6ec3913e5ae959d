//! HTTP over a bare socket: for requests that no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much of an answer is kept: ours have a kilobyte.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Sends bytes and reads until the peer closes, at most for `patience`. A peer that stops listening
/// before everything was sent has answered all the same: its answer is read. `None`: it closed
/// without a word, or did not close and said nothing.
pub async fn exchange(peer: SocketAddr, bytes: &[u8], patience: Duration) -> Option<String> {
    let stream = TcpStream::connect(peer).await.unwrap_or_else(|error| panic!("{peer}: {error}"));
    let (read, mut write) = stream.into_split();
    let mut answer = Vec::new();
    let mut limited = read.take(ANSWER_BYTES_MAX);
    let sending = async {
        // An error is the peer's refusal to hear more.
        let _ = write.write_all(bytes).await;
        std::future::pending::<()>().await;
    };
    let reading = async {
        // A reset after the answer leaves what came before it.
        let _ = limited.read_to_end(&mut answer).await;
    };
    let both = async {
        tokio::select! {
            () = sending => {}
            () = reading => {}
        }
    };
    // Whoever keeps the connection open has said all that there is within the patience.
    let _ = tokio::time::timeout(patience, both).await;
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}

/// The status of an answer's first line.
pub fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// A header of the answer, by its lower-case name.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
