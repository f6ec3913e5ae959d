//! `afterglow dead-letters show`: one letter, whole.

use std::fmt::Write as _;

use afterglow_domain::EventId;
use afterglow_durable::{ParkedLetter, ReadLetters as _};
use afterglow_events::{Record, Topic};
use afterglow_service::exit::Exit;
use afterglow_service::telemetry::Escaped;

use super::{origin, times};
use crate::cli::Outcome;
use crate::commands::product::{OnProduct, Product, Where};
use crate::commands::say;
use crate::ground::ROLES;
use crate::record_json;

/// Bytes on a line.
const WIDTH: usize = 16;

/// Which letter.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) product: Where,
    /// The letter, as `dead-letters list` names it.
    id: EventId,
}

impl OnProduct for Args {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        for role in ROLES {
            if let Some(letter) = product.readers(&role).await?.read_letter(self.id).await? {
                for line in page(role.role, &letter) {
                    say(format_args!("{line}"))?;
                }
                return Ok(Exit::Ok);
            }
        }
        say(format_args!("there is no dead letter {}; see `afterglow dead-letters list --all`", self.id))?;
        Ok(Exit::Findings)
    }
}

fn page(role: &str, letter: &ParkedLetter) -> Vec<String> {
    let key = String::from_utf8_lossy(&letter.key).into_owned();
    let mut lines = vec![
        format!("letter    {} of {role}", letter.id),
        format!("parked    {}, tried {}", letter.at, times(letter.attempts)),
    ];
    lines.extend(letter.replayed.map(|at| format!("replayed  {at}")));
    lines.push(format!("from      {}", origin(letter)));
    lines.push(format!("reason    {}", Escaped(&letter.reason)));
    lines.push(format!("key       {}", Escaped(&key)));
    for (name, value) in &letter.headers {
        let value = String::from_utf8_lossy(value).into_owned();
        lines.push(format!("header    {}: {}", Escaped(name), Escaped(&value)));
    }
    lines.extend(event(letter).map(|json| format!("event     {json}")));
    lines.push(format!("value     {} bytes", letter.value.len()));
    lines.extend(letter.value.chunks(WIDTH).enumerate().map(|(row, bytes)| dump(row * WIDTH, bytes)));
    lines
}

/// The event in it, where it is one of the contract's.
fn event(letter: &ParkedLetter) -> Option<String> {
    let record = Record {
        topic: Topic::parse(&letter.topic)?,
        key: letter.key.clone(),
        headers: letter.headers.clone(),
        value: letter.value.clone(),
    };
    record_json::payload(&record).map(|json| json.get().to_owned())
}

/// `00000010  68 69 0a                                         |hi.|`
fn dump(offset: usize, bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(WIDTH * 3);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x} ");
    }
    let plain = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
    let text: String = bytes.iter().map(plain).collect();
    format!("  {offset:08x}  {hex:<48} |{text}|")
}

#[cfg(test)]
mod tests {
    use afterglow_domain::Timestamp;
    use afterglow_events::identity;

    use super::*;

    #[test]
    fn a_letter_is_shown_whole_and_harmless() {
        let letter = ParkedLetter {
            id: identity::dead_letter("dispatcher", "afterglow.signals.v1", 1, 2),
            reason: "not of its form\u{1b}[2J".to_owned(),
            topic: "afterglow.signals.v1".to_owned(),
            partition: 1,
            offset: 2,
            key: "acme/hubspot:33:9001".into(),
            headers: vec![("ce_id".into(), "7".into())],
            value: b"twenty bytes of text\x1b\n".as_slice().into(),
            attempts: 2,
            at: Timestamp::EPOCH,
            replayed: Some(Timestamp(60_000_000)),
        };
        insta::assert_snapshot!(page("dispatcher", &letter).join("\n"), @r"
        letter    5e7155cb-e159-5c73-a5ec-b0ee77be6255 of dispatcher
        parked    1970-01-01T00:00:00Z, tried 2 times
        replayed  1970-01-01T00:01:00Z
        from      afterglow.signals.v1 partition 1 offset 2
        reason    not of its form\u{1b}[2J
        key       acme/hubspot:33:9001
        header    ce_id: 7
        value     22 bytes
          00000000  74 77 65 6e 74 79 20 62 79 74 65 73 20 6f 66 20  |twenty bytes of |
          00000010  74 65 78 74 1b 0a                                |text..|
        ");
    }
}
