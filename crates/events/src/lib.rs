//! The wire contract of `proto/` as types: envelope, topics, identity, codecs.
//!
//! Whatever the log (embedded or Kafka), an event travels as a [`Record`]: a topic, a key, headers in
//! the CloudEvents Kafka binding (binary mode) and a payload in protobuf or proto3 JSON. A record that
//! this crate refuses is a dead letter; it never becomes half an event.
//!
//! Deliberately absent: any log, any I/O. The trait by which events reach a log, [`Append`], is here
//! so that the relay of `afterglow-durable` needs no log crate.

pub mod append;
pub mod body;
pub mod consume;
pub mod convert;
pub mod envelope;
pub mod event;
pub mod identity;
pub mod proto;
pub mod record;
pub mod topic;
pub mod well_known;

pub use append::{Append, AppendError, Position};
pub use body::Body;
pub use consume::{Checkpoints, Consume, ConsumeError, Cursor, Received};
pub use envelope::Envelope;
pub use event::{DecodeError, Encoding, Event};
pub use record::Record;
pub use topic::Topic;
