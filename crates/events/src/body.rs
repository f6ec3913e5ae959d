//! Every released event type: its name, its topic and its message. One list, from which the codecs
//! follow.

mod about;

use bytes::Bytes;
use prost::Message;

use crate::event::{DecodeError, Encoding};
use crate::proto;
use crate::topic::Topic;

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident in $topic:ident as $type_name:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $name(Box<proto::$name>)),+
        }

        impl Body {
            /// Every released type: CloudEvents type, topic and message name.
            pub const TYPES: &'static [(&'static str, Topic, &'static str)] =
                &[$(($type_name, Topic::$topic, stringify!($name))),+];

            /// The CloudEvents type, e.g. `afterglow.deal.won.v1`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$name(_) => $type_name),+ }
            }

            /// The topic that carries it.
            pub fn topic(&self) -> Topic {
                match self { $(Self::$name(_) => Topic::$topic),+ }
            }

            /// `ce_dataschema`: the message's full protobuf name.
            pub fn schema(&self) -> &'static str {
                match self { $(Self::$name(_) => concat!("afterglow.events.v1.", stringify!($name))),+ }
            }

            /// The payload's bytes.
            pub fn encode(&self, encoding: Encoding) -> Bytes {
                match (self, encoding) {
                    $(
                        (Self::$name(message), Encoding::Protobuf) => message.encode_to_vec().into(),
                        (Self::$name(message), Encoding::Json) => json(message),
                    )+
                }
            }

            /// Reads a payload as what its type promises.
            pub fn decode(
                topic: Topic,
                type_name: &str,
                encoding: Encoding,
                payload: &[u8],
            ) -> Result<Self, DecodeError> {
                match (topic, type_name) {
                    $((Topic::$topic, $type_name) => {
                        let failed = |reason: String| DecodeError::Payload { type_name: $type_name, reason };
                        let message = match encoding {
                            Encoding::Protobuf => {
                                proto::$name::decode(payload).map_err(|e| failed(e.to_string()))?
                            }
                            Encoding::Json => {
                                serde_json::from_slice(payload).map_err(|e| failed(position(&e)))?
                            }
                        };
                        Ok(Self::$name(Box::new(message)))
                    })+
                    _ => Err(DecodeError::Type(type_name.chars().take(120).collect(), topic)),
                }
            }
        }

        $(impl From<proto::$name> for Body {
            fn from(message: proto::$name) -> Self {
                Self::$name(Box::new(message))
            }
        })+
    };
}

bodies! {
    /// An authenticated raw delivery.
    WebhookReceived in Webhooks as "afterglow.webhook.received.v1",
    /// The deal entered a won stage.
    DealWon in Deals as "afterglow.deal.won.v1",
    /// Something that matters changed.
    DealAmended in Deals as "afterglow.deal.amended.v1",
    /// The deal is open again.
    DealReopened in Deals as "afterglow.deal.reopened.v1",
    /// The deal is lost.
    DealLost in Deals as "afterglow.deal.lost.v1",
    /// The deal was merged into another.
    DealMerged in Deals as "afterglow.deal.merged.v1",
    /// The deal is gone.
    DealDeleted in Deals as "afterglow.deal.deleted.v1",
    /// Something was heard.
    Signal in Signals as "afterglow.signal.v1",
    /// A moment is due.
    TouchpointDue in Touchpoints as "afterglow.touchpoint.due.v1",
    /// It is not any more.
    TouchpointRevoked in Touchpoints as "afterglow.touchpoint.revoked.v1",
    /// One ledger step of a touchpoint moved.
    DeliveryProgressed in Deliveries as "afterglow.delivery.progressed.v1",
    /// A touchpoint is done with.
    DeliveryConcluded in Deliveries as "afterglow.delivery.concluded.v1",
    /// A customer entered a journey.
    JourneyEnrolled in Journeys as "afterglow.journey.enrolled.v1",
    /// A won deal got no journey.
    JourneyDeclined in Journeys as "afterglow.journey.declined.v1",
    /// The dates changed.
    JourneyReplanned in Journeys as "afterglow.journey.replanned.v1",
    /// Everything is held.
    JourneyHeld in Journeys as "afterglow.journey.held.v1",
    /// The hold ended.
    JourneyResumed in Journeys as "afterglow.journey.resumed.v1",
    /// Every promise is closed.
    JourneyCompleted in Journeys as "afterglow.journey.completed.v1",
    /// It ended early.
    JourneyExited in Journeys as "afterglow.journey.exited.v1",
    /// A promise ended.
    ObligationClosed in Journeys as "afterglow.obligation.closed.v1",
    /// Something could not be used.
    DeadLetter in DeadLetters as "afterglow.dead-letter.v1",
}

fn json(message: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(message).expect("a generated message has text keys and finite numbers").into()
}

/// Where and in which category a JSON payload failed. The parser's own text may quote the payload,
/// which may be personal.
fn position(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}
