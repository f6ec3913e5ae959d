//! What a client of Kafka's last said of its connections, for the line that a person reads.
//!
//! Whoever asks a broker that cannot be reached only learns that it took too long; why comes on a client's own
//! time and thread. All clients of a log reach the same brokers with the same login, so they share one memory:
//! what the producer has heard explains a reader's silence.
//!
//! Deliberately absent: a history, and anything of the user's settings: a reason is the client's or the broker's
//! own text.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How much of a reason is kept: librdkafka's longest are 512 bytes, and the cause stands in front.
const REASON_CHARS_MAX: usize = 400;

/// The last reason why there was no connection, until there is one. Clones share it.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Remembers what a client says of its connection; that all of them are down explains nothing.
    pub(super) fn heard(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        let code = error.rdkafka_error_code();
        if let Some(Code::Authentication | Code::SSL | Code::Resolve | Code::BrokerTransportFailure) = code {
            *self.last() = Some(readable(reason));
        }
    }

    /// There is a connection.
    pub(super) fn over(&self) {
        *self.last() = None;
    }

    /// Why there is none, as far as it is known.
    pub(super) fn reason(&self) -> Option<String> {
        self.last().clone()
    }

    fn last(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line, the same for the same cause, without the milliseconds that librdkafka puts behind it.
fn readable(reason: &str) -> String {
    let (reason, _) = reason.rsplit_once(" (after ").unwrap_or((reason, ""));
    // OpenSSL has one error for both causes, and librdkafka's hint, where it gives one, names the first only.
    let reason = match reason.split_once(": ") {
        Some((broker, why)) if why.contains("certificate verify failed") => format!(
            "{broker}: certificate verify failed: it is signed by no CA that ssl.ca.location names, or for another \
             host name than the broker is called by"
        ),
        _ => reason.to_owned(),
    };
    reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    /// A handshake that is read on says the same with fewer words.
    #[test]
    fn a_certificate_that_is_not_believed_is_told_alike() {
        let told = "ssl://b:1/1: certificate verify failed: it is signed by no CA that ssl.ca.location names, or for \
                    another host name than the broker is called by";
        for reason in [
            "ssl://b:1/1: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker \
             certificate could not be verified (install ca-certificates package) (after 12ms in state SSL_HANDSHAKE)",
            "ssl://b:1/1: error:0A000086:SSL routines::certificate verify failed",
        ] {
            assert_eq!(readable(reason), told);
        }
    }

    #[test]
    fn the_last_cause_is_kept_in_one_bounded_line_until_it_is_over() {
        let trouble = Trouble::default();
        let heard = |code, reason: &str| trouble.heard(&KafkaError::Global(code), reason);
        heard(
            RDKafkaErrorCode::BrokerTransportFailure,
            "a:1/1: Connection\nrefused (after 3ms in state CONNECT)",
        );
        heard(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(trouble.reason().as_deref(), Some("a:1/1: Connection refused"));
        heard(RDKafkaErrorCode::Authentication, &"x".repeat(9_000));
        assert_eq!(trouble.reason().unwrap().len(), REASON_CHARS_MAX);
        trouble.over();
        assert_eq!(trouble.reason(), None);
    }
}
