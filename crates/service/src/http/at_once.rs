//! A future that wakes itself while it is polled is polled again at once.
//!
//! hyper's connection does so for each request with a body: a handler that asks for the body wakes the half that
//! reads it, the body that comes wakes the handler, and all of it is one task. Woken the ordinary way, the task
//! goes through the runtime's queue each time, and often to another core that slept.
//!
//! Invariant: no wake is lost. One that comes while the future is polled, from whichever thread, is answered by
//! polling again; any other one wakes the task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often in a row: one that wakes itself for ever must not keep the other tasks waiting.
const TIMES_MAX: usize = 4;

/// The future, and what wakes it.
pub(super) struct AtOnce<F> {
    pub(super) future: F,
    waker: Option<(Arc<Woken>, Waker)>,
}

impl<F> AtOnce<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future, waker: None }
    }
}

impl<F: Future + Unpin> Future for AtOnce<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, waker } = self.get_mut();
        let task = cx.waker();
        // The task is the same one all its life, as a rule.
        if waker.as_ref().is_some_and(|(woken, _)| !woken.task.will_wake(task)) {
            *waker = None;
        }
        let (woken, waker) = waker.get_or_insert_with(|| {
            let woken = Arc::new(Woken { task: task.clone(), state: AtomicU8::new(0) });
            (woken.clone(), Waker::from(woken))
        });
        for _ in 0..TIMES_MAX {
            woken.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if woken.state.swap(0, Ordering::AcqRel) & WOKEN == 0 {
                return Poll::Pending;
            }
        }
        task.wake_by_ref();
        Poll::Pending
    }
}

/// The future is being polled.
const POLLED: u8 = 1;
/// It was woken meanwhile.
const WOKEN: u8 = 2;

struct Woken {
    task: Waker,
    state: AtomicU8,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) & POLLED == 0 {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    /// A task's waker, which counts.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a future that wakes itself so many times is polled, and its task woken, in one poll of the task.
    fn polled_and_woken(wakes: usize) -> (usize, usize) {
        let (task, mut polls) = (Arc::new(Count::default()), 0);
        let mut future = AtOnce::new(poll_fn(|cx| {
            polls += 1;
            if polls <= wakes {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        }));
        let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&Waker::from(task.clone())));
        assert!(polled.is_pending());
        (polls, task.0.load(Ordering::Relaxed))
    }

    #[test]
    fn who_wakes_itself_is_polled_again_and_not_for_ever() {
        assert_eq!(polled_and_woken(0), (1, 0));
        assert_eq!(polled_and_woken(2), (3, 0));
        assert_eq!(polled_and_woken(TIMES_MAX - 1), (TIMES_MAX, 0));
        // Its task comes again when the others have had their turn.
        assert_eq!(polled_and_woken(usize::MAX), (TIMES_MAX, 1));
    }

    #[test]
    fn a_wake_from_elsewhere_wakes_the_task_that_polled_last() {
        let kept = Mutex::new(None);
        let mut future = AtOnce::new(poll_fn(|cx| {
            *kept.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let tasks = [Arc::new(Count::default()), Arc::new(Count::default())];
        for (task, counts) in [(0, [1, 0]), (0, [2, 0]), (1, [2, 1])] {
            let waker = Waker::from(tasks[task].clone());
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
            kept.lock().unwrap().take().unwrap().wake();
            assert_eq!(tasks.each_ref().map(|task| task.0.load(Ordering::Relaxed)), counts);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_of_another_thread_is_lost() {
        const SIGNALS: usize = 10_000;
        let (seen, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (wakers, woken) = std::sync::mpsc::channel::<Waker>();
        let thread = std::thread::spawn({
            let (seen, sent) = (seen.clone(), sent.clone());
            move || {
                // Each signal waits until the last one was seen: a lost wake stops everything.
                while let Ok(waker) = woken.recv() {
                    sent.fetch_add(1, Ordering::AcqRel);
                    waker.wake();
                    while seen.load(Ordering::Acquire) < sent.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                }
            }
        });
        let mut asked = 0;
        let all = AtOnce::new(poll_fn(move |cx| {
            let come = sent.load(Ordering::Acquire);
            seen.store(come, Ordering::Release);
            if come == SIGNALS {
                return Poll::Ready(());
            }
            if come == asked {
                asked += 1;
                wakers.send(cx.waker().clone()).unwrap();
                // Now the signal comes before the poll has ended, now after.
                (0..asked % 1_000).for_each(|_| std::hint::spin_loop());
            }
            Poll::Pending
        }));
        tokio::time::timeout(Duration::from_mins(1), all).await.expect("a wake was lost");
        thread.join().unwrap();
    }
}
