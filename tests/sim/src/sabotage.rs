//! Deliberate breakage, by which the checks are checked: a run with one of these must be found out.

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// The gift vendor is given another external id with every call, so that it recognises none.
    ExternalId,
    /// The mail server is given every mail twice.
    TwoMails,
    /// The log says yes to webhooks and keeps only every second one: an answer before the commit.
    ForgetfulEdge,
    /// The log loses every third touchpoint, delivery or journey event that a relay gave it.
    ForgetfulRelay,
    /// Two journey events of a key change places on their way to the log.
    Shuffled,
}

impl Sabotage {
    /// The key under which the vendor knows an order.
    pub(crate) fn external_id(self, id: &str, call: usize) -> String {
        if self == Self::ExternalId { format!("{id}-{call}") } else { id.to_owned() }
    }

    /// How often a mail arrives.
    pub(crate) fn copies(self) -> usize {
        if self == Self::TwoMails { 2 } else { 1 }
    }
}
