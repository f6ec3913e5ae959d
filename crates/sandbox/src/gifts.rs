//! A gift vendor with a ledger; it speaks the orders API of Tremendous.
//!
//! Invariant: one external id is one order, for ever, also over restarts if it has a folder; an answer
//! is given, or lost, only after the order stands in the ledger.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use afterglow_domain::{Clock, Money, Timestamp};
use axum::Router;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::chance;
use crate::journal::Journal;
use crate::shared::Shared;

mod api;
mod pages;

/// How the ids of orders and of their rewards begin.
const ORDER: &str = "TR-";
const REWARD: &str = "RW-";

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// `TR-7K2Q`: derived from the external id, longer only where a shorter one is taken.
    pub order_id: String,
    /// The caller's key; without one every call is a new order.
    pub external_id: Option<String>,
    /// The one reward of the order.
    pub reward_id: String,
    /// The secret part of the gift's link.
    pub token: String,
    /// What the recipient gets.
    pub amount: Money,
    /// The campaign, or the products divided by commas.
    pub product: String,
    /// Who gets it.
    pub recipient_name: String,
    /// Where they are reached.
    pub recipient_email: String,
    /// When it was ordered, by the sandbox's clock.
    pub created_at: Timestamp,
}

/// How the vendor misbehaves. The default is not at all.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Chooses which calls the percentages strike.
    pub seed: u64,
    /// So many of 100 order calls act and then lose their answer. Chosen by external id and by how often
    /// it was called, so that a repeated call has a new chance.
    pub lose_percent: u8,
    /// These order calls, counted from 1 over all, act and lose their answer.
    pub lose_calls: BTreeSet<u64>,
    /// The n-th new order for an address, counted from 1, loses its answer.
    pub lose_nth_for: Vec<(String, u64)>,
    /// Every call is refused with this status and nothing happens: 402, 429, 500 …
    pub refuse: Option<u16>,
    /// Every answer waits so long.
    pub delay: Duration,
}

/// The gift vendor.
#[derive(Clone)]
pub struct Gifts {
    state: Shared<State>,
    key: Arc<str>,
    clock: Arc<dyn Clock>,
    base: Arc<str>,
}

struct State {
    ledger: Journal<Order>,
    by_external_id: HashMap<String, usize>,
    calls_by_external_id: HashMap<String, u64>,
    orders_by_address: HashMap<String, u64>,
    by_order_id: HashMap<String, usize>,
    calls: u64,
    lost: u64,
    faults: Faults,
}

/// What is asked for, checked.
pub(crate) struct Wish {
    pub(crate) external_id: Option<String>,
    pub(crate) amount: Money,
    pub(crate) product: String,
    pub(crate) recipient_name: String,
    pub(crate) recipient_email: String,
}

/// What an order call did.
pub(crate) struct Done {
    pub(crate) order: Order,
    /// False: it was there already.
    pub(crate) new: bool,
    /// The caller must not hear of it.
    pub(crate) lose: bool,
}

impl Gifts {
    pub(crate) fn open(
        (path, bulk): (Option<&Path>, bool),
        key: String,
        clock: Arc<dyn Clock>,
        base: String,
    ) -> io::Result<Self> {
        let mut state = State {
            ledger: Journal::open(path, bulk)?,
            by_external_id: HashMap::new(),
            calls_by_external_id: HashMap::new(),
            orders_by_address: HashMap::new(),
            by_order_id: HashMap::new(),
            calls: 0,
            lost: 0,
            faults: Faults::default(),
        };
        for (at, order) in state.ledger.rows().to_vec().iter().enumerate() {
            state.index(order, at);
        }
        Ok(Self { state: Shared::new(state), key: key.into(), clock, base: base.into() })
    }

    /// Every order, oldest first.
    pub fn orders(&self) -> Vec<Order> {
        self.state.with(|state| state.ledger.rows().to_vec())
    }

    /// How many order calls came with an external id since the start, answered or not.
    pub fn calls(&self, external_id: &str) -> u64 {
        self.state.with(|state| state.calls_by_external_id.get(external_id).copied().unwrap_or(0))
    }

    /// How many order calls acted and lost their answer since the start.
    pub fn lost(&self) -> u64 {
        self.state.with(|state| state.lost)
    }

    /// Changes how it misbehaves, from the next call on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.with(|state| state.faults = faults);
    }

    /// The link of an order's gift.
    pub fn link(&self, order: &Order) -> String {
        format!("{}/redeem/{}", self.base, order.token)
    }

    /// The order of an external id: there is one at most.
    fn with_external_id(&self, id: &str) -> Option<Order> {
        self.state.with(|state| state.row(state.by_external_id.get(id)))
    }

    fn with_order_id(&self, id: &str) -> Option<Order> {
        self.state.with(|state| state.row(state.by_order_id.get(id)))
    }

    /// Each order has one reward, named like it.
    fn with_reward_id(&self, id: &str) -> Option<Order> {
        let order = id.strip_prefix(REWARD).map(|rest| format!("{ORDER}{rest}"))?;
        self.with_order_id(&order).filter(|order| order.reward_id == id)
    }

    fn with_token(&self, token: &str) -> Option<Order> {
        self.state.with(|state| state.ledger.rows().iter().find(|order| order.token == token).cloned())
    }

    /// The newest orders, and how many there are.
    fn newest(&self, max: usize) -> (Vec<Order>, usize) {
        self.state.with(|state| {
            let rows = state.ledger.rows();
            (rows.iter().rev().take(max).cloned().collect(), rows.len())
        })
    }

    fn refusal(&self) -> (Option<u16>, Duration) {
        self.state.with(|state| (state.faults.refuse, state.faults.delay))
    }

    fn order(&self, wish: Wish) -> io::Result<Done> {
        let now = self.clock.now();
        self.state.with(|state| state.order(wish, now))
    }
}

impl State {
    fn row(&self, at: Option<&usize>) -> Option<Order> {
        at.and_then(|at| self.ledger.rows().get(*at)).cloned()
    }

    fn order(&mut self, wish: Wish, now: Timestamp) -> io::Result<Done> {
        self.calls += 1;
        let nth = wish.external_id.as_ref().map_or(self.calls, |id| {
            let calls = self.calls_by_external_id.entry(id.clone()).or_default();
            *calls += 1;
            *calls
        });
        let known = wish.external_id.as_ref().and_then(|id| self.by_external_id.get(id)).copied();
        let new = known.is_none();
        let at = match known {
            Some(at) => at,
            None => self.add(wish, now)?,
        };
        let order = self.ledger.rows()[at].clone();
        let lose = self.loses(&order, nth, new);
        self.lost += u64::from(lose);
        Ok(Done { order, new, lose })
    }

    fn add(&mut self, wish: Wish, now: Timestamp) -> io::Result<usize> {
        let at = self.ledger.rows().len();
        let from = wish.external_id.clone().unwrap_or_else(|| format!("no key {at}"));
        let order_id = self.free_id(ORDER, &from);
        let order = Order {
            reward_id: order_id.replacen(ORDER, REWARD, 1),
            order_id,
            token: hex::encode(chance::number(&format!("link of {from}")).to_be_bytes()),
            external_id: wish.external_id,
            amount: wish.amount,
            product: wish.product,
            recipient_name: wish.recipient_name,
            recipient_email: wish.recipient_email,
            created_at: now,
        };
        self.ledger.append(order.clone())?;
        self.index(&order, at);
        Ok(at)
    }

    fn index(&mut self, order: &Order, at: usize) {
        if let Some(id) = &order.external_id {
            self.by_external_id.insert(id.clone(), at);
        }
        *self.orders_by_address.entry(order.recipient_email.clone()).or_default() += 1;
        self.by_order_id.insert(order.order_id.clone(), at);
    }

    /// Four characters, without those that people confuse; more where the four are taken.
    fn free_id(&self, prefix: &str, from: &str) -> String {
        const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        let number = chance::number(from);
        let digit = |n: u32| char::from(ALPHABET[(number >> (5 * n) & 31) as usize]);
        // Twelve characters use up the number's 60 bits.
        (4..=12)
            .map(|length| format!("{prefix}{}", (0..length).map(digit).collect::<String>()))
            .find(|id| !self.by_order_id.contains_key(id))
            .unwrap_or_else(|| format!("{prefix}{}", self.by_order_id.len()))
    }

    fn loses(&self, order: &Order, nth: u64, new: bool) -> bool {
        let Faults { seed, lose_percent, lose_calls, lose_nth_for, .. } = &self.faults;
        let key = order.external_id.as_deref().unwrap_or(&order.order_id);
        let count = self.orders_by_address.get(&order.recipient_email).copied().unwrap_or(0);
        lose_calls.contains(&self.calls)
            || new && lose_nth_for.iter().any(|(address, n)| *address == order.recipient_email && *n == count)
            || chance::strikes(*seed, *lose_percent, key, nth)
    }
}

pub(crate) fn router(gifts: &Gifts) -> Router {
    let api = Router::new()
        .route("/orders", post(api::create).get(api::list))
        .route("/orders/{id}", get(api::show))
        .route("/rewards/{id}", get(api::reward))
        .route("/rewards/{id}/generate_link", post(api::generate_link))
        .fallback(api::nothing_here);
    Router::new()
        .nest("/tremendous/api/v2", api)
        .route("/gifts", get(pages::list))
        .route("/gifts.json", get(pages::json))
        .route("/redeem/{token}", get(pages::redeem))
        .with_state(gifts.clone())
}
