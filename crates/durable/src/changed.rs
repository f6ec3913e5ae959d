//! Who waits for this process's own commits: the relay for what it is to send, and each timers' loop for a timer
//! that is due before the one that it waits for.
//!
//! Invariant: a commit that nobody has looked at since wakes whoever waits for what it wrote. Commits of other
//! processes wake nobody; they are found by polling.

use std::sync::atomic::{AtomicI64, Ordering};

use afterglow_domain::Timestamp;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::rows::{Timeline, Writes};

/// What a store's commits signal.
#[derive(Debug, Default)]
pub struct Changed {
    outbox: Notify,
    wall: Alarm,
    journey: Alarm,
}

/// What one timeline's loop waits for. Where several loops share one store and one timeline, a commit may wake
/// the wrong one, and the others look when they poll.
#[derive(Debug)]
pub struct Alarm {
    notify: Notify,
    /// In microseconds, when the next timer is due as far as the loop knows: what is armed for then or later
    /// needs no look.
    next: AtomicI64,
}

/// What a transaction has written that somebody may wait for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wakes {
    outbox: bool,
    /// The first due times that were armed.
    wall: Option<Timestamp>,
    journey: Option<Timestamp>,
}

impl Wakes {
    /// The transaction writes this, too.
    pub(crate) fn add(&mut self, writes: &Writes) {
        self.outbox |= !writes.outbox.is_empty();
        for timer in &writes.arm {
            let first = match timer.timeline {
                Timeline::Wall => &mut self.wall,
                Timeline::Journey => &mut self.journey,
            };
            *first = Some(first.map_or(timer.due, |first| first.min(timer.due)));
        }
    }
}

impl Changed {
    /// Ends with the next commit that wrote to the outbox.
    pub fn outbox(&self) -> Notified<'_> {
        self.outbox.notified()
    }

    /// What the loop of a timeline waits for.
    pub fn alarm(&self, timeline: Timeline) -> &Alarm {
        match timeline {
            Timeline::Wall => &self.wall,
            Timeline::Journey => &self.journey,
        }
    }

    /// A transaction is committed.
    pub(crate) fn tell(&self, wakes: &Wakes) {
        if wakes.outbox {
            self.outbox.notify_waiters();
        }
        self.wall.tell(wakes.wall);
        self.journey.tell(wakes.journey);
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self { notify: Notify::new(), next: AtomicI64::new(i64::MAX) }
    }
}

impl Alarm {
    /// Ends with a commit that armed a timer; call it before looking for timers, and [`Alarm::wait_for`] after.
    pub fn armed(&self) -> Notified<'_> {
        self.next.store(i64::MAX, Ordering::SeqCst);
        self.notify.notified()
    }

    /// A look has found out when the next timer is due. From now on only what is due before it wakes the loop.
    pub fn wait_for(&self, due: Timestamp) {
        self.next.store(due.0, Ordering::SeqCst);
    }

    fn tell(&self, due: Option<Timestamp>) {
        if due.is_some_and(|due| due.0 < self.next.load(Ordering::SeqCst)) {
            self.notify.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use afterglow_domain::Shard;
    use uuid::Uuid;

    use super::*;
    use crate::rows::Timer;

    fn armed(due: i64) -> Wakes {
        let (timeline, shard, owner) = (Timeline::Journey, Shard::of("a/1"), Uuid::nil());
        let timer = Timer { timeline, shard, due: Timestamp(due), owner, key: 0 };
        let mut wakes = Wakes::default();
        wakes.add(&Writes { arm: vec![timer], ..Writes::default() });
        wakes
    }

    /// Whether a loop that looked, knowing of a timer at 10, is woken by these commits: while it looked, and after.
    fn woken(looking: &[i64], after: &[i64]) -> bool {
        let changed = Changed::default();
        let alarm = changed.alarm(Timeline::Journey);
        alarm.wait_for(Timestamp(1));
        let mut signal = pin!(alarm.armed());
        for due in looking {
            changed.tell(&armed(*due));
        }
        alarm.wait_for(Timestamp(10));
        for due in after {
            changed.tell(&armed(*due));
        }
        signal.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn only_what_is_due_before_the_known_timer_wakes_a_loop() {
        assert!(!woken(&[], &[]) && !woken(&[], &[10, 11]));
        assert!(woken(&[], &[11, 9]), "it is due sooner");
        assert!(woken(&[20], &[]), "the look may have missed it");
    }

    #[test]
    fn each_waits_for_its_own() {
        let changed = Changed::default();
        let (mut outbox, mut wall) = (pin!(changed.outbox()), pin!(changed.alarm(Timeline::Wall).armed()));
        changed.tell(&armed(5));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(outbox.as_mut().poll(context).is_pending() && wall.as_mut().poll(context).is_pending());
    }
}
