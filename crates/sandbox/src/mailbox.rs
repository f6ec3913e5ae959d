//! A mail server that keeps every mail instead of delivering it, and a mailbox to look at.
//!
//! Invariant: a mail is kept before its answer is given, or swallowed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

use afterglow_domain::{Clock, Timestamp};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::chance;
use crate::journal::Journal;
use crate::shared::Shared;

mod letter;
mod pages;
pub(crate) mod smtp;

pub use letter::Letter;

/// A mail as it arrived.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Counted from 1.
    pub no: u64,
    /// When it arrived, by the sandbox's clock.
    pub at: Timestamp,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO.
    pub to: Vec<String>,
    /// The message, base64 of its bytes with the dots unstuffed.
    raw: String,
}

impl Mail {
    /// The message's bytes.
    pub fn raw(&self) -> Vec<u8> {
        STANDARD.decode(&self.raw).unwrap_or_default()
    }

    /// The message as a mail reader shows it.
    pub fn letter(&self) -> Letter {
        Letter::read(&self.raw())
    }
}

/// How the mail server misbehaves. The default is not at all.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Chooses which mails the percentage strikes.
    pub seed: u64,
    /// So many of 100 mails are kept, and the connection is closed without the answer. Chosen by
    /// Message-ID and by how often it came.
    pub swallow_percent: u8,
    /// These mails, counted from 1 over all, likewise.
    pub swallow_mails: BTreeSet<u64>,
    /// Every mail is refused after its end with this reply (`451 4.3.0 later`), and not kept.
    pub refuse: Option<String>,
    /// These recipients are refused with their reply (`550 5.1.1 no such user`).
    pub refuse_recipients: BTreeMap<String, String>,
}

/// The mailbox.
#[derive(Clone)]
pub struct Mailbox {
    state: Shared<State>,
    clock: Arc<dyn Clock>,
    /// Of a mail nothing is kept but its Message-ID.
    bulk: bool,
}

struct State {
    mails: Journal<Mail>,
    heard: u64,
    heard_by_id: HashMap<String, u64>,
    faults: Faults,
}

/// What the server answers to a whole message.
pub(crate) enum Reply {
    Say(String),
    Swallow,
}

impl Mailbox {
    pub(crate) fn open((path, bulk): (Option<&Path>, bool), clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mails = Journal::open(path, bulk)?;
        let state = State { mails, heard: 0, heard_by_id: HashMap::new(), faults: Faults::default() };
        Ok(Self { state: Shared::new(state), clock, bulk })
    }

    /// Every mail, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.with(|state| state.mails.rows().to_vec())
    }

    /// The Message-ID of every mail, oldest first; empty where one had none.
    pub fn message_ids(&self) -> Vec<String> {
        self.state.with(|state| {
            let id = |mail: &Mail| mail.letter().message_id.unwrap_or_default();
            state.mails.rows().iter().map(id).collect()
        })
    }

    /// Changes how it misbehaves, from the next mail on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.with(|state| state.faults = faults);
    }

    /// Why a recipient is refused, if so.
    pub(crate) fn refusal_of(&self, recipient: &str) -> Option<String> {
        self.state.with(|state| state.faults.refuse_recipients.get(recipient).cloned())
    }

    /// Takes a whole message.
    pub(crate) fn take(&self, from: String, to: Vec<String>, raw: &[u8]) -> Reply {
        let at = self.clock.now();
        let id = Letter::read(raw).message_id.unwrap_or_default();
        self.state.with(|state| {
            if let Some(refusal) = &state.faults.refuse {
                return Reply::Say(refusal.clone());
            }
            state.heard += 1;
            let times = state.heard_by_id.entry(id.clone()).or_default();
            *times += 1;
            let times = *times;
            let no = state.mails.rows().len() as u64 + 1;
            let mail = if self.bulk {
                let raw = STANDARD.encode(format!("Message-ID: <{id}>\r\n\r\n"));
                Mail { no, at, from: String::new(), to: Vec::new(), raw }
            } else {
                Mail { no, at, from, to, raw: STANDARD.encode(raw) }
            };
            if state.mails.append(mail).is_err() {
                return Reply::Say("452 4.3.1 the mailbox cannot keep it".to_owned());
            }
            let Faults { seed, swallow_percent, swallow_mails, .. } = &state.faults;
            let swallow =
                swallow_mails.contains(&state.heard) || chance::strikes(*seed, *swallow_percent, &id, times);
            if swallow { Reply::Swallow } else { Reply::Say(format!("250 2.0.0 kept as mail {no}")) }
        })
    }
}

pub(crate) fn router(mailbox: &Mailbox) -> Router {
    Router::new()
        .route("/mailbox", get(pages::list))
        .route("/mailbox.json", get(pages::json))
        .route("/mailbox/{no}", get(pages::show))
        .with_state(mailbox.clone())
}
