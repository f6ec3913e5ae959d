//! One row of the table.

use afterglow_support::World;

/// A bad input and what must come of it.
pub struct Case {
    /// The number in the table of bad inputs.
    pub number: u8,
    /// What is bad about it.
    pub name: &'static str,
    /// Makes the bytes, at the moment of sending: signatures carry the time. They are all that comes, and
    /// the sender keeps its side open.
    pub send: fn(&World) -> Vec<u8>,
    /// What must be answered.
    pub expect: Expect,
    /// What must be stored because of it.
    pub stored: Stored,
}

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Success; for Salesforce the exact acknowledgement.
    Taken,
    /// This status and no other.
    Status(u16),
    /// One of these.
    OneOf(&'static [u16]),
    /// This status with an `Allow` header.
    NotAllowed,
    /// The connection is closed within its timeout (as in every case), with or without a word.
    Closed,
}

/// How many records must appear on the webhooks topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Events, each with its own bytes.
    pub events: usize,
    /// What could not be read, kept raw.
    pub unparsed: usize,
}

impl Case {
    /// A case that must be refused and store nothing.
    pub const fn refused(number: u8, name: &'static str, send: fn(&World) -> Vec<u8>, status: u16) -> Self {
        Self { number, name, send, expect: Expect::Status(status), stored: Stored { events: 0, unparsed: 0 } }
    }

    /// A case that must be taken as so many events.
    pub const fn taken(number: u8, name: &'static str, send: fn(&World) -> Vec<u8>, events: usize) -> Self {
        Self { number, name, send, expect: Expect::Taken, stored: Stored { events, unparsed: 0 } }
    }

    /// A case that must be kept raw and answered with success.
    pub const fn kept(number: u8, name: &'static str, send: fn(&World) -> Vec<u8>) -> Self {
        Self { number, name, send, expect: Expect::Taken, stored: Stored { events: 0, unparsed: 1 } }
    }

    /// The same case with another answer.
    #[must_use]
    pub const fn but(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The same case with other records.
    #[must_use]
    pub const fn storing(mut self, events: usize, unparsed: usize) -> Self {
        self.stored = Stored { events, unparsed };
        self
    }
}

/// So many pieces in a row.
pub(crate) fn numbered(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}
