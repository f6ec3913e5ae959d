//! The server's side of SMTP (RFC 5321), as much as keeps a mail: pipelining, dot-unstuffing, a size
//! limit. No TLS and no login: it listens on loopback.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Mailbox, Reply};

/// RFC 5321 §4.5.3.1.4 asks for 512 bytes in a command line; with parameters a client may need more.
const LINE_BYTES_MAX: u64 = 2048;
/// The largest mail: usual servers take 10 to 50 MiB, ours are below 100 KiB.
const MAIL_BYTES_MAX: usize = 10 * 1024 * 1024;
/// RFC 5321 §4.5.3.1.8 asks for 100 recipients.
const RECIPIENTS_MAX: usize = 100;
/// RFC 5321 §4.5.3.2.7: a server waits five minutes for the next command.
const PATIENCE: Duration = Duration::from_mins(5);

/// Accepts until stopped.
pub(crate) async fn serve(
    listener: TcpListener,
    mailbox: Mailbox,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        if let Ok((stream, _)) = accepted {
            let dialogue = Dialogue::new(stream, mailbox.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    // A broken connection is its client's affair: what was kept is kept.
                    _ = dialogue.run() => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

struct Dialogue {
    stream: BufReader<TcpStream>,
    mailbox: Mailbox,
    from: Option<String>,
    to: Vec<String>,
}

impl Dialogue {
    fn new(stream: TcpStream, mailbox: Mailbox) -> Self {
        Self { stream: BufReader::new(stream), mailbox, from: None, to: Vec::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        self.say("220 sandbox ready").await?;
        while let Some(line) = self.line().await? {
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            match verb.as_str() {
                "QUIT" => return self.say("221 2.0.0 bye").await,
                "DATA" => {
                    if !self.data().await? {
                        return Ok(());
                    }
                }
                _ => {
                    let reply = self.command(&verb, &line);
                    self.say(&reply).await?;
                }
            }
        }
        Ok(())
    }

    /// Everything but the message itself.
    fn command(&mut self, verb: &str, line: &str) -> String {
        match verb {
            "EHLO" => {
                self.reset();
                format!(
                    "250-sandbox\r\n250-PIPELINING\r\n250-SIZE {MAIL_BYTES_MAX}\r\n250-SMTPUTF8\r\n250 8BITMIME"
                )
            }
            "HELO" | "RSET" => {
                self.reset();
                "250 2.0.0 ok".to_owned()
            }
            "NOOP" => "250 2.0.0 ok".to_owned(),
            "MAIL" => match path(line, "FROM:") {
                Some(from) => {
                    self.reset();
                    self.from = Some(from);
                    "250 2.1.0 ok".to_owned()
                }
                None => "501 5.5.4 MAIL FROM:<address>".to_owned(),
            },
            "RCPT" => self.recipient(line),
            _ => "502 5.5.1 not here".to_owned(),
        }
    }

    fn recipient(&mut self, line: &str) -> String {
        let Some(to) = path(line, "TO:").filter(|to| to.contains('@')) else {
            return "501 5.5.4 RCPT TO:<address>".to_owned();
        };
        if self.from.is_none() {
            return "503 5.5.1 MAIL first".to_owned();
        }
        if self.to.len() >= RECIPIENTS_MAX {
            return "452 4.5.3 too many recipients".to_owned();
        }
        if let Some(refusal) = self.mailbox.refusal_of(&to) {
            return refusal;
        }
        self.to.push(to);
        "250 2.1.5 ok".to_owned()
    }

    /// The message; false where the connection is to end without an answer.
    async fn data(&mut self) -> io::Result<bool> {
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            self.say("503 5.5.1 MAIL and RCPT first").await?;
            return Ok(true);
        };
        self.say("354 go on, end with a dot").await?;
        let message = self.message().await?;
        let to = std::mem::take(&mut self.to);
        self.reset();
        let reply = match message {
            Some(raw) => self.mailbox.take(from, to, &raw),
            None => Reply::Say("552 5.3.4 larger than SIZE".to_owned()),
        };
        match reply {
            Reply::Say(line) => self.say(&line).await.map(|()| true),
            Reply::Swallow => Ok(false),
        }
    }

    /// Reads up to the final dot; `None` if the mail was too large (it is read all the same, since the
    /// client listens only afterwards).
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        let mut too_large = false;
        // Whether the next piece starts a line: a long line comes in several pieces.
        let mut at_start = true;
        loop {
            let mut piece = Vec::new();
            let mut limited = (&mut self.stream).take(64 * 1024);
            if tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut piece)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if at_start && piece == b".\r\n" {
                return Ok(Some(message).filter(|_| !too_large));
            }
            let unstuffed = if at_start { piece.strip_prefix(b".").unwrap_or(&piece) } else { &piece };
            too_large |= message.len() + unstuffed.len() > MAIL_BYTES_MAX;
            if !too_large {
                message.extend_from_slice(unstuffed);
            }
            at_start = piece.ends_with(b"\n");
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
        if read as u64 == LINE_BYTES_MAX {
            self.say("500 5.5.2 line too long").await?;
            return Ok(None);
        }
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// The address of `MAIL FROM:<a@b> …`; empty for a bounce's `<>`.
fn path(line: &str, keyword: &str) -> Option<String> {
    let rest = line.get(5..)?.trim_start();
    let given = rest.get(..keyword.len()).filter(|given| given.eq_ignore_ascii_case(keyword))?;
    let rest = rest[given.len()..].trim_start().strip_prefix('<')?;
    rest.split_once('>').map(|(address, _)| address.to_owned())
}
