//! The client's half of HTTP/1.1, as far as our own server speaks it: whole answers with a length.

use anyhow::{Context as _, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longer than any answer of the edge, whose longest is a problem document.
const ANSWER_BYTES_MAX: usize = 4096;

/// Reads answers from one connection.
pub(crate) struct Answers<R> {
    stream: R,
    buffer: Box<[u8; ANSWER_BYTES_MAX]>,
    filled: usize,
}

impl<R: AsyncRead + Unpin> Answers<R> {
    /// Answers that come from this stream.
    pub(crate) fn of(stream: R) -> Self {
        Self { stream, buffer: Box::new([0; ANSWER_BYTES_MAX]), filled: 0 }
    }

    /// The stream, to send the next request.
    pub(crate) fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    /// The next answer's status.
    pub(crate) async fn next(&mut self) -> anyhow::Result<u16> {
        loop {
            if let Some((status, length)) = whole(&self.buffer[..self.filled])? {
                self.buffer.copy_within(length..self.filled, 0);
                self.filled -= length;
                return Ok(status);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                bail!("the server closed a connection in the middle");
            }
            self.filled += read;
        }
    }
}

/// The status and the length of an answer, once it is there as a whole.
fn whole(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head])?;
    let status = text.get(9..12).and_then(|digits| digits.parse().ok()).context("no status")?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.context("an answer has no content-length")?.parse()?;
    let end = head + 4 + length;
    Ok((bytes.len() >= end).then_some((status, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_read_one_by_one() {
        let wire =
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
        let mut answers = Answers::of(&wire[..]);
        assert_eq!(answers.next().await.unwrap(), 200);
        assert_eq!(answers.next().await.unwrap(), 503);
        assert!(answers.next().await.is_err());
    }
}
