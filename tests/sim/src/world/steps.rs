//! The steps of the loops, each with what must be true of exactly this step.

use std::collections::BTreeSet;

use afterglow_dispatcher::store::DispatcherTx as _;
use afterglow_domain::{Sensitive, TouchpointId};
use afterglow_durable::relay::{Progress, relay_once};
use afterglow_durable::turns::{consume_once, fire_due};
use afterglow_durable::{ShardSet, Store, Timeline};
use afterglow_events::{Body, Event, convert};
use afterglow_journey::{GIFT_NOT_HANDED_OVER, NO_RECIPIENT};
use afterglow_service::unsubscribe::address_hmac;

use super::World;
use crate::crm::address;
use crate::ground::Ground;
use crate::op::{Op, Role};
use crate::roles::{SUPPRESSION_KEY, tenant};

/// How many events of an outbox are looked at; more than any simulation leaves there.
const OUTBOX_MAX: usize = 100_000;

impl<G: Ground> World<G> {
    /// One step of one loop; whether anything happened. A step that failed happened: it is tried again.
    pub(super) async fn step(&mut self, op: Op) -> bool {
        let role = match op {
            Op::Relay(role) => {
                let moved = self.relay(role).await;
                self.ground.quiet().await;
                return moved;
            }
            Op::EngineRecords | Op::EngineTimers => Role::Engine,
            Op::DispatcherRecords | Op::Claims => Role::Dispatcher,
            _ => Role::Ingest,
        };
        let barred = if op == Op::Claims { self.barred().await } else { BTreeSet::new() };
        self.fates.begin(role);
        let moved = self.turn(op).await;
        self.fates.end(role);
        self.ground.quiet().await;
        self.after_calls(&barred);
        self.look_at_outbox(role).await;
        moved
    }

    async fn turn(&mut self, op: Op) -> bool {
        let roles = &mut self.roles;
        let happened = |count: Result<usize, String>| count.map_or(true, |count| count > 0);
        match op {
            Op::Hints => {
                happened(consume_once(&roles.hints, &self.ground.ingest(), &mut roles.webhooks).await)
            }
            Op::Claim => {
                let claims = roles.resolver.claim(&self.ground.ingest()).await.unwrap_or_default();
                let some = !claims.is_empty();
                roles.claims.extend(claims);
                some
            }
            Op::Read => {
                let some = !roles.claims.is_empty();
                for claim in roles.claims.drain(..) {
                    roles.fetched.push(roles.resolver.read(claim).await);
                }
                some
            }
            Op::Settle => {
                let fetched = std::mem::take(&mut roles.fetched);
                let some = !fetched.is_empty();
                // What is not stored is read again when its claim ends.
                roles.resolver.settle(&self.ground.ingest(), fetched).await.is_err() || some
            }
            Op::EngineRecords => {
                happened(consume_once(&roles.engine, &self.ground.engine(), &mut roles.engine_in).await)
            }
            Op::EngineTimers => {
                let fired = fire_due(&roles.engine, &self.ground.engine(), Timeline::Journey).await;
                happened(fired.map_err(|error| error.to_string()))
            }
            Op::DispatcherRecords => {
                let store = self.ground.dispatcher();
                let done = consume_once(&roles.dispatcher, &store, &mut roles.dispatcher_in).await;
                // Where it cannot be known how far signals are read, mails wait, as in the running product.
                let _known = roles.signals.round(&self.ground.source()).await;
                happened(done)
            }
            Op::Claims => happened(roles.dispatcher.claim_once().await.map_err(|error| error.to_string())),
            _ => false,
        }
    }

    async fn relay(&mut self, role: Role) -> bool {
        let wall = self.around.clocks.wall.clone();
        let progress = match role {
            Role::Ingest => {
                relay_once(afterglow_ingest::ROLE, &self.ground.ingest(), &self.line, &*wall).await
            }
            Role::Engine => {
                relay_once(afterglow_journey_engine::ROLE, &self.ground.engine(), &self.line, &*wall).await
            }
            Role::Dispatcher => {
                relay_once(afterglow_dispatcher::ROLE, &self.ground.dispatcher(), &self.line, &*wall).await
            }
        };
        match progress {
            Ok(progress) => progress != Progress::Nothing,
            Err(error) => {
                self.watch.problem(format!("7: the outbox of {role:?} cannot be relayed: {error}"));
                false
            }
        }
    }

    /// Remembers what the role committed, in the order of its commits. Invariant 5: nothing is due early.
    async fn look_at_outbox(&mut self, role: Role) {
        let rows = match role {
            Role::Ingest => self.ground.ingest().outbox_read(OUTBOX_MAX).await,
            Role::Engine => self.ground.engine().outbox_read(OUTBOX_MAX).await,
            Role::Dispatcher => self.ground.dispatcher().outbox_read(OUTBOX_MAX).await,
        };
        let now = self.now();
        for (seq, row) in rows.expect("the store is healthy between steps") {
            if self.watch.committed[role as usize].contains_key(&seq) {
                continue;
            }
            match Event::from_record(&row.record).map(|event| event.body) {
                Ok(Body::TouchpointDue(due)) => {
                    self.watch.touchpoints.extend(due.touchpoint_id.parse::<TouchpointId>());
                    if [NO_RECIPIENT, GIFT_NOT_HANDED_OVER].contains(&due.moment.as_str()) {
                        self.watch.questions.extend(due.touchpoint_id.parse::<TouchpointId>());
                    }
                    if convert::from_timestamp(due.planned_at.as_ref()).is_none_or(|planned| planned > now) {
                        self.watch.problem(format!("5: {} of {} is early", due.moment, due.enrolment_id));
                    }
                }
                Ok(_) => {}
                Err(error) => self.watch.problem(format!("7: {role:?} wrote what is no event: {error}")),
            }
            self.watch.committed[role as usize].insert(seq, row.record);
        }
    }

    /// Touchpoints and addresses for which no call may begin any more: revoked, concluded, suppressed, and
    /// committed as such. Invariant 10.
    async fn barred(&mut self) -> BTreeSet<String> {
        let ids: Vec<_> = self.watch.touchpoints.iter().copied().collect();
        let companies = self.around.crm.companies();
        let hmac = |company: &u64| {
            let hmac = address_hmac(&SUPPRESSION_KEY.into(), "acme", &Sensitive::new(address(*company)));
            (tenant(), hmac)
        };
        let addresses: Vec<_> = companies.iter().map(hmac).collect();
        let mut tx =
            self.ground.dispatcher().begin(&ShardSet::default()).await.expect("the store is healthy");
        let touchpoints = tx.load_touchpoints(&ids).await.expect("rows decode");
        let suppressed = tx.load_suppressions(&addresses).await.expect("rows decode");
        let ended =
            touchpoints.iter().filter(|one| one.state.revoked.is_some() || one.state.conclusion.is_some());
        let ended = ended.map(|one| one.id.to_string());
        let suppressed = companies.iter().filter(|company| {
            let (_, hmac) = hmac(company);
            suppressed.iter().any(|row| row.address_hmac == hmac)
        });
        ended.chain(suppressed.map(|company| address(*company))).collect()
    }

    fn after_calls(&mut self, barred: &BTreeSet<String>) {
        let acts = std::mem::take(&mut self.around.vendors.desk().acts);
        for (touchpoint, address) in acts {
            if barred.contains(&touchpoint) || barred.contains(&address) {
                self.watch.problem(format!("10: a vendor was called for {touchpoint}, which had ended"));
            }
        }
    }
}
