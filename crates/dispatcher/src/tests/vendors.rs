//! Vendors that keep a ledger of what really happened, and do as they are told.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use afterglow_domain::{Money, Sensitive};
use afterglow_providers::{
    Class, Envelope, GiftOrder, GiftVendor, Lookup, Mail, MailAccepted, Mailer, OrderStatus, Ordered,
    Outcome, Rejection, Replay, gift, mail,
};
use tokio::sync::Notify;

/// What a vendor does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Accept,
    /// Acts, and the answer is lost.
    LoseAnswer,
    /// The call is lost on its way.
    Lose,
    Reject(Class),
    /// Takes the order without carrying it out (gifts only).
    Pend,
    /// Takes the order without telling its link (gifts only).
    NoLink,
    /// Never answers.
    Hang,
    /// Never comes to the point at which the mail leaves (mails only).
    LoseBefore,
    /// Refuses before the mail leaves (mails only).
    RejectBefore(Class),
}

#[derive(Default)]
pub(super) struct Desk {
    pub(super) script: VecDeque<Act>,
    /// Gifts by external id with their effects, in order of the first.
    pub(super) gifts: BTreeMap<String, (u32, OrderStatus)>,
    /// Every call's bytes.
    pub(super) calls: Vec<Vec<u8>>,
    /// Mails that arrived.
    pub(super) mails: Vec<Vec<u8>>,
    /// Mails that were not let go at the last moment.
    pub(super) held: u32,
    pub(super) lookups: u32,
    pub(super) lookup_down: bool,
    pub(super) ask_a_person: bool,
}

#[derive(Clone, Default)]
pub(super) struct Vendor(pub(super) Arc<(Mutex<Desk>, Notify)>);

pub(super) const LINK: &str = "https://gifts.example/secret-";

impl Vendor {
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.0.lock().unwrap()
    }

    /// What the next calls do; later ones are accepted.
    pub(super) fn script(&self, acts: &[Act]) {
        self.desk().script = acts.iter().copied().collect();
    }

    /// How often gifts were bought and mails arrived, and the most for one gift.
    pub(super) fn effects(&self) -> (u32, usize, u32) {
        let desk = self.desk();
        let counts = desk.gifts.values().map(|(count, _)| *count);
        (counts.clone().sum(), desk.mails.len(), counts.max().unwrap_or(0))
    }

    fn next(&self) -> Act {
        self.desk().script.pop_front().unwrap_or(Act::Accept)
    }
}

fn ordered(id: &str, status: OrderStatus, with_link: bool) -> Ordered {
    let link = with_link.then(|| Sensitive::new(format!("{LINK}{id}")));
    Ordered { order_id: format!("TR-{}", &id[..8]), reward_id: None, link, charged: None, status }
}

fn lost<T>() -> Outcome<T> {
    Outcome::Unknown { reason: "the connection broke".to_owned() }
}

fn rejected<T>(class: Class) -> Outcome<T> {
    Outcome::Rejected(Rejection { class, reason: format!("vendor says {class}") })
}

impl GiftVendor for Vendor {
    fn name(&self) -> &'static str {
        "Gifts"
    }

    fn replay(&self) -> Replay {
        if self.desk().ask_a_person { Replay::AskAPerson } else { Replay::Safe }
    }

    fn call_timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn request(&self, order: &GiftOrder) -> Result<Vec<u8>, gift::Error> {
        Ok(format!("{}|{}|{}", order.external_id, order.amount, order.product).into_bytes())
    }

    async fn order(&self, bytes: &[u8]) -> Outcome<Ordered> {
        let id = String::from_utf8(bytes.to_vec()).unwrap().split('|').next().unwrap().to_owned();
        self.desk().calls.push(bytes.to_vec());
        let act = self.next();
        let status = if act == Act::Pend { OrderStatus::Pending } else { OrderStatus::Executed };
        match act {
            Act::Lose => return lost(),
            Act::Reject(class) => return rejected(class),
            Act::Hang => return std::future::pending().await,
            _ => {}
        }
        let mut desk = self.desk();
        let ask_a_person = desk.ask_a_person;
        let (count, _) = desk.gifts.entry(id.clone()).or_insert((0, status));
        if *count == 0 || ask_a_person {
            *count += 1;
        }
        if act == Act::LoseAnswer {
            lost()
        } else {
            Outcome::Accepted(ordered(&id, status, act == Act::Accept))
        }
    }

    async fn lookup(&self, external_id: &str) -> Lookup<Ordered> {
        let mut desk = self.desk();
        desk.lookups += 1;
        if desk.lookup_down {
            return Lookup::Unavailable { reason: "the vendor is away".to_owned() };
        }
        match desk.gifts.get(external_id) {
            Some((_, status)) => {
                Lookup::Found(ordered(external_id, *status, *status == OrderStatus::Executed))
            }
            None => Lookup::NotFound,
        }
    }

    async fn link(&self, order: &Ordered) -> Lookup<Sensitive<String>> {
        let mut desk = self.desk();
        desk.lookups += 1;
        if desk.lookup_down {
            return Lookup::Unavailable { reason: "the vendor is away".to_owned() };
        }
        Lookup::Found(Sensitive::new(format!("{LINK}{}", order.order_id)))
    }
}

impl Mailer for Vendor {
    fn call_timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    fn compose(&self, mail: &Mail) -> Result<Vec<u8>, mail::Error> {
        assert!(!mail.to.address.expose().starts_with("poison"), "a row that panics");
        mail::compose(mail)
    }

    async fn send(
        &self,
        _: &Envelope,
        bytes: &[u8],
        leave: impl Future<Output = Result<(), Rejection>> + Send,
    ) -> Outcome<MailAccepted> {
        let act = self.next();
        match act {
            Act::LoseBefore => return lost(),
            Act::RejectBefore(class) => return rejected(class),
            _ => {}
        }
        if let Err(held) = leave.await {
            self.desk().held += 1;
            return Outcome::Rejected(held);
        }
        self.desk().calls.push(bytes.to_vec());
        match act {
            Act::Lose => return lost(),
            Act::Reject(class) => return rejected(class),
            Act::Hang => return std::future::pending().await,
            Act::LoseAnswer => {
                self.desk().mails.push(bytes.to_vec());
                return lost();
            }
            _ => self.desk().mails.push(bytes.to_vec()),
        }
        self.0.1.notify_one();
        Outcome::Accepted(MailAccepted {
            server: "mx.example".to_owned(),
            note: Some("queued as 7".to_owned()),
        })
    }
}

/// What a gift costs in the tests.
pub(super) fn usd(amount: i64) -> Money {
    Money::new(amount * 100, afterglow_domain::Currency::USD)
}
