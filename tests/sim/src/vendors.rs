//! The gift vendor and the mail server: moody, and with ledgers of what really happened.
//!
//! Their moods about a touchpoint follow from the seed, the touchpoint and how often it was tried, never
//! from the order of calls. The gift vendor recognises its key, as the dispatcher is told; a mail server
//! recognises nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use afterglow_domain::Sensitive;
use afterglow_providers::{
    Class, Envelope, GiftOrder, GiftVendor, Lookup, Mail, MailAccepted, Mailer, OrderStatus, Ordered,
    Outcome, Rejection, Replay, gift, mail,
};
use serde::{Deserialize, Serialize};

use crate::chance::fate;
use crate::op::Mood;
use crate::sabotage::Sabotage;

/// A gift in the vendor's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    /// How often it was bought.
    pub effects: u32,
    /// What it cost, in minor units.
    pub minor: i64,
    /// For whom.
    pub email: String,
    /// Where the order stands.
    pub status: OrderStatus,
}

/// A mail, as it is stored and as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The touchpoint, from the Message-ID.
    pub touchpoint: String,
    /// To whom.
    pub to: String,
    /// Where its reader unsubscribes.
    pub unsubscribe: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: String,
    minor: i64,
    email: String,
}

/// What the vendors remember.
#[derive(Debug, Default)]
pub struct Desk {
    seed: u64,
    mood: Mood,
    sabotage: Sabotage,
    tries: BTreeMap<String, u32>,
    /// Gifts by external id.
    pub gifts: BTreeMap<String, Gift>,
    /// Mails that arrived, in order.
    pub mails: Vec<Letter>,
    /// Calls that asked to act since they were last taken: touchpoint and address.
    pub acts: Vec<(String, String)>,
}

/// Both vendors. Clones share them.
#[derive(Debug, Clone)]
pub struct Vendors(Arc<Mutex<Desk>>);

/// What a vendor does with one call.
enum Act {
    Accept,
    /// It acts, and nobody hears of it.
    LoseAnswer,
    Lose,
    Reject(Class),
    /// It takes the order without carrying it out.
    Pend,
    /// It takes the order without telling the link.
    NoLink,
}

impl Vendors {
    /// Vendors with empty ledgers, which do well until told otherwise.
    pub fn new(seed: u64, sabotage: Sabotage) -> Self {
        Self(Arc::new(Mutex::new(Desk { seed, sabotage, ..Desk::default() })))
    }

    /// The books.
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().expect("nobody panics with it")
    }

    /// `Well`: everything is accepted, and what was pending is carried out. Else as fate has it.
    pub fn set_mood(&self, mood: Mood) {
        let mut desk = self.desk();
        desk.mood = mood;
        if mood == Mood::Well {
            for gift in desk.gifts.values_mut() {
                gift.status = OrderStatus::Executed;
            }
        }
    }
}

impl Desk {
    /// The fate of the next call of this name.
    fn fate(&mut self, name: &str) -> Option<u64> {
        let tries = self.tries.entry(name.to_owned()).or_default();
        *tries += 1;
        (self.mood != Mood::Well).then(|| fate(self.seed, name, *tries) % 100)
    }

    fn act(&mut self, name: &str) -> Act {
        match self.fate(name) {
            Some(0..15) => Act::LoseAnswer,
            Some(15..25) => Act::Lose,
            Some(25..35) => Act::Reject(Class::Retry { after: None }),
            Some(35..38) => Act::Reject(Class::Permanent),
            Some(38..40) => Act::Reject(Class::NoFunds),
            Some(40..42) => Act::Reject(Class::BadAddress),
            Some(42..48) => Act::Pend,
            Some(48..54) => Act::NoLink,
            _ => Act::Accept,
        }
    }

    fn order(&mut self, order: &Order) -> Outcome<Ordered> {
        self.acts.push((order.id.clone(), order.email.clone()));
        let (status, with_link, lost) = match self.act(&format!("order {}", order.id)) {
            Act::Lose => return unknown(),
            Act::Reject(class) => return rejected(class),
            Act::Pend => (OrderStatus::Pending, false, false),
            Act::NoLink => (OrderStatus::Executed, false, false),
            Act::LoseAnswer => (OrderStatus::Executed, true, true),
            Act::Accept => (OrderStatus::Executed, true, false),
        };
        let key = self.sabotage.external_id(&order.id, self.tries.len());
        let known = self.gifts.entry(key).or_insert_with(|| Gift {
            effects: 1,
            minor: order.minor,
            email: order.email.clone(),
            status,
        });
        let status = known.status;
        if lost { unknown() } else { Outcome::Accepted(ordered(&order.id, status, with_link)) }
    }

    fn send(&mut self, letter: &Letter) -> Outcome<MailAccepted> {
        self.acts.push((letter.touchpoint.clone(), letter.to.clone()));
        let lost = match self.act(&format!("mail {}", letter.touchpoint)) {
            Act::Lose => return unknown(),
            Act::Reject(class) => return rejected(class),
            act => matches!(act, Act::LoseAnswer),
        };
        for _ in 0..self.sabotage.copies() {
            self.mails.push(letter.clone());
        }
        if lost { unknown() } else { Outcome::Accepted(MailAccepted { server: "mx".to_owned(), note: None }) }
    }
}

fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown { reason: "the connection broke".to_owned() }
}

fn rejected<T>(class: Class) -> Outcome<T> {
    Outcome::Rejected(Rejection { class, reason: format!("the vendor says {class}") })
}

fn ordered(id: &str, status: OrderStatus, with_link: bool) -> Ordered {
    let link = with_link && status == OrderStatus::Executed;
    let link = link.then(|| Sensitive::new(format!("https://gifts.example/{id}")));
    Ordered { order_id: format!("TR-{id}"), reward_id: None, link, charged: None, status }
}

impl GiftVendor for Vendors {
    fn name(&self) -> &'static str {
        "Gifts"
    }

    fn replay(&self) -> Replay {
        Replay::Safe
    }

    fn call_timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn request(&self, order: &GiftOrder) -> Result<Vec<u8>, gift::Error> {
        let id = order.external_id.clone();
        let email = order.recipient_email.expose().clone();
        let order = Order { id, minor: order.amount.minor, email };
        Ok(serde_json::to_vec(&order).expect("it has text and numbers only"))
    }

    async fn order(&self, bytes: &[u8]) -> Outcome<Ordered> {
        let order = serde_json::from_slice(bytes).expect("the bytes are ours");
        self.desk().order(&order)
    }

    async fn lookup(&self, external_id: &str) -> Lookup<Ordered> {
        let mut desk = self.desk();
        if desk.fate(&format!("lookup {external_id}")).is_some_and(|fate| fate < 15) {
            return Lookup::Unavailable { reason: "the vendor is away".to_owned() };
        }
        match desk.gifts.get(external_id) {
            Some(gift) => Lookup::Found(ordered(external_id, gift.status, true)),
            None => Lookup::NotFound,
        }
    }

    async fn link(&self, order: &Ordered) -> Lookup<Sensitive<String>> {
        if self.desk().fate(&format!("link {}", order.order_id)).is_some_and(|fate| fate < 15) {
            return Lookup::Unavailable { reason: "the vendor is away".to_owned() };
        }
        Lookup::Found(Sensitive::new(format!("https://gifts.example/{}", order.order_id)))
    }
}

impl Mailer for Vendors {
    fn call_timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn compose(&self, mail: &Mail) -> Result<Vec<u8>, mail::Error> {
        let letter = Letter {
            touchpoint: mail.message_id.split('.').next().unwrap_or_default().to_owned(),
            to: mail.to.address.expose().clone(),
            unsubscribe: mail.list_unsubscribe_url.clone(),
        };
        Ok(serde_json::to_vec(&letter).expect("it has text only"))
    }

    async fn send(
        &self,
        _: &Envelope,
        bytes: &[u8],
        leave: impl Future<Output = Result<(), Rejection>> + Send,
    ) -> Outcome<MailAccepted> {
        let letter = serde_json::from_slice(bytes).expect("the bytes are ours");
        match leave.await {
            Ok(()) => self.desk().send(&letter),
            Err(held) => Outcome::Rejected(held),
        }
    }
}
