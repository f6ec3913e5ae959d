//! What is to be done outside any transaction after a claim, and what comes back.

use std::time::Duration;

use afterglow_domain::{AttemptId, Sensitive, Shard, TouchpointId};
use afterglow_providers::{Envelope, GiftVendor, Lookup, MailAccepted, Mailer, Ordered, Outcome};
use afterglow_trace::{Kind, Span};

use crate::gate::Lane;

/// How long after a call's own timeout others wait before they look after it: clocks and schedulers
/// are not exact, and a call that is still running must never be taken for a dead one.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// The vendors as claims see them.
pub(crate) struct Vendors<'a, G, M> {
    pub(crate) gifts: Option<&'a G>,
    pub(crate) mailer: Option<&'a M>,
}

impl<G: GiftVendor, M: Mailer> Vendors<'_, G, M> {
    /// For how long a look-up belongs to the worker that began it.
    pub(crate) fn lease(&self) -> Duration {
        self.gifts.map_or(Duration::ZERO, GiftVendor::call_timeout) + GRACE
    }
}

/// One call to a vendor.
pub(crate) struct Job {
    pub(crate) touchpoint: TouchpointId,
    pub(crate) shard: Shard,
    /// The attempt that the call belongs to; `None` for links, which are no ledger step.
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) call: Call,
    /// The trace of the touchpoint's event.
    pub(crate) traceparent: Option<String>,
}

impl Job {
    /// The span of the call, which begins now.
    pub(crate) fn span(&self) -> Span {
        let name = match self.call {
            Call::Order(_) => "order gift",
            Call::Mail(..) => "send mail",
            Call::LookUp => "look up order",
            Call::Link(_) => "fetch link",
        };
        let mut span = Span::within(self.traceparent.as_deref(), Kind::Client, name);
        span.tell("afterglow.touchpoint", || self.touchpoint.to_string());
        span
    }

    pub(crate) fn lane(&self) -> Lane {
        match self.call {
            Call::Order(_) | Call::LookUp | Call::Link(_) => Lane::Gifts,
            Call::Mail(..) => Lane::Mails,
        }
    }
}

pub(crate) enum Call {
    /// Sends stored bytes of an order.
    Order(Sensitive<Vec<u8>>),
    /// Sends stored bytes of a mail.
    Mail(Envelope, Sensitive<Vec<u8>>),
    /// Asks what became of an order.
    LookUp,
    /// Asks for the link of an order that stands.
    Link(Option<Ordered>),
}

impl Call {
    /// What the attempt's row keeps of it; questions are no attempts and keep nothing.
    pub(crate) fn stored(&self) -> (Option<Envelope>, Sensitive<Vec<u8>>) {
        match self {
            Self::Order(bytes) => (None, bytes.clone()),
            Self::Mail(envelope, bytes) => (Some(envelope.clone()), bytes.clone()),
            Self::LookUp | Self::Link(_) => (None, Sensitive::default()),
        }
    }
}

/// What came of a call.
#[derive(Clone)]
pub(crate) enum Answer {
    Ordered(Outcome<Ordered>),
    Mailed(Outcome<MailAccepted>),
    LookedUp(Lookup<Ordered>),
    Linked(Lookup<Ordered>),
}

impl Answer {
    /// Which kind of call and what became of it, as metric labels.
    pub(crate) fn labels(&self) -> (&'static str, &'static str) {
        fn of<T>(outcome: &Outcome<T>) -> &'static str {
            match outcome {
                Outcome::Accepted(_) => "accepted",
                Outcome::Rejected(_) => "rejected",
                Outcome::Unknown { .. } => "unknown",
            }
        }
        fn found<T>(lookup: &Lookup<T>) -> &'static str {
            match lookup {
                Lookup::Found(_) => "found",
                Lookup::NotFound => "not_found",
                Lookup::Unavailable { .. } => "unavailable",
            }
        }
        match self {
            Self::Ordered(outcome) => ("order", of(outcome)),
            Self::Mailed(outcome) => ("notify", of(outcome)),
            Self::LookedUp(lookup) => ("look_up", found(lookup)),
            Self::Linked(lookup) => ("link", found(lookup)),
        }
    }
}
