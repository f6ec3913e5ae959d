//! What must hold at rest: the invariants of the design that speak of ends. Each names its number.

mod effects;
mod knowledge;
mod order;

use crate::ground::Ground;
use crate::trace::Rows;
use crate::world::World;

impl<G: Ground> World<G> {
    /// Looks at everything, now that nothing waits any more.
    pub async fn check(&mut self, rows: &Rows) {
        let mut broken = Vec::new();
        knowledge::nothing_accepted_is_lost(self, &mut broken).await;
        knowledge::what_is_known_is_true(self, rows, &mut broken);
        knowledge::the_engine_heard_every_event(rows, &mut broken);
        order::the_log_is_the_commit_order(self, &mut broken).await;
        order::revisions_have_no_gaps(self, &mut broken).await;
        effects::everything_ended_once(self, rows, &mut broken).await;
        effects::each_mail_went_at_most_once(self, rows, &mut broken);
        effects::each_gift_was_bought_at_most_once(self, rows, &mut broken);
        self.watch.problems(broken);
    }
}
