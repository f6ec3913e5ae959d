//! Vendors that do something for a customer: gifts and mails. One trait each, one module per vendor.
//!
//! Invariant: a call says one of three things ([`Outcome`]), and "rejected" only where the vendor has
//! certainly not acted; everything else that is not an acceptance is "unknown". No vendor is called
//! twice inside one call.
//! Deliberately absent: retries, ledgers and budgets (the dispatcher owns them, with the attempt
//! durable before the call), clocks, and any building of HTTP clients (one is handed in).

pub mod gift;
pub mod mail;
pub mod outcome;
pub mod smtp;
pub mod tremendous;

pub use gift::{GiftOrder, GiftVendor, OrderStatus, Ordered};
pub use mail::{Envelope, Mail, MailAccepted, Mailbox, Mailer};
pub use outcome::{Class, Lookup, Outcome, Rejection, Replay};
pub use smtp::Smtp;
pub use tremendous::Tremendous;
