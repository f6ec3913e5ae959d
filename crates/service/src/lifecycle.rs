//! How a process lives: tracked tasks, a soft and a hard stop, and a reason for its end.
//!
//! The first signal asks every task to finish what it has (soft). The second signal, or the deadline,
//! drops what is left at its next await (hard); all state is durable, so nothing accepted is lost.
//! Invariant: no task outlives [`Tasks::run_until_done`], and none fails unseen.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exit::Exit;

/// How long tasks have to notice the hard stop; only code that blocks a thread needs longer.
const HARD_STOP: Duration = Duration::from_secs(2);

/// Tells a task when to stop. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// One that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends when the process drains: take no new work, finish what was begun.
    pub async fn soft(&self) {
        self.soft.cancelled().await;
    }

    /// Ends when the time to drain is over.
    pub async fn hard(&self) {
        self.hard.cancelled().await;
    }

    /// The soft stop as a token, for loops that take one.
    pub fn soft_token(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// The hard stop as a token.
    pub fn hard_token(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Whether the process drains.
    pub fn is_soft(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Asks for the drain; asking twice changes nothing.
    pub fn drain(&self) {
        self.soft.cancel();
    }

    /// Ends the drain.
    pub fn abort(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }
}

/// Why the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// Every task finished by itself or after a drain was asked for.
    Done,
    /// Tasks were cut off because the deadline passed or a second signal came.
    CutOff {
        /// Their names.
        tasks: Vec<&'static str>,
    },
    /// A task ended with an error or a panic; the rest was drained.
    Failed {
        /// Its name.
        task: &'static str,
        /// What it said.
        reason: String,
    },
}

impl ExitReason {
    /// The process's exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Done => Exit::Ok,
            Self::CutOff { .. } | Self::Failed { .. } => Exit::Internal,
        }
    }
}

/// The tasks of the process. Clones spawn into the same set.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    shutdown: Shutdown,
    foreground: TaskTracker,
    closing: TaskTracker,
    background: TaskTracker,
    background_end: CancellationToken,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<&'static str>,
    failure: Option<(&'static str, String)>,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What tells the tasks to stop.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Runs a task that the process waits for. An error or a panic in it drains the whole process and
    /// becomes its [`ExitReason`].
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let (tasks, hard) = (self.clone(), self.shutdown.hard.clone());
        self.change(|state| state.running.push(name));
        self.foreground.spawn(async move {
            tasks.watch(name, task, &hard).await;
            tasks.change(|state| {
                if let Some(index) = state.running.iter().position(|other| *other == name) {
                    state.running.swap_remove(index);
                }
            });
        });
    }

    /// Runs a task that sends what the others leave (a relay): it goes on through the drain, and its hard stop
    /// comes when the last of them has ended. It ends by itself then, and has little time to: what it does not
    /// send would be sent at the next start, and what is cut off in between a second time. An error in it is an
    /// error of the process.
    pub fn spawn_closing<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let tasks = self.clone();
        self.closing.spawn(async move { tasks.watch(name, task, &tasks.background_end).await });
    }

    /// Runs a task that serves the others (metrics, the sandbox's clock): it goes on through the drain
    /// and is dropped when the last of them has ended. An error in it is an error of the process.
    pub fn spawn_background<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let tasks = self.clone();
        self.background.spawn(async move { tasks.watch(name, task, &tasks.background_end).await });
    }

    async fn watch<F, E>(&self, name: &'static str, task: F, end: &CancellationToken)
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let result = tokio::select! {
            biased;
            result = AssertUnwindSafe(task).catch_unwind() => result,
            () = end.cancelled() => return,
        };
        let reason = match result {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        };
        tracing::error!(task = name, reason, "task failed, draining");
        self.change(|state| {
            state.failure.get_or_insert((name, reason));
        });
        self.shutdown.drain();
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still whole.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for SIGTERM or SIGINT, a failed task, [`Shutdown::drain`] or the end of all tasks; drains
    /// within `deadline`; gives the reason.
    pub async fn run_until_done(self, deadline: Duration) -> ExitReason {
        let (sender, mut signals) = mpsc::channel(2);
        self.spawn_background("signals", forward_signals(sender));
        self.run_with_signals(deadline, &mut signals).await
    }

    /// The same with signals from a channel.
    async fn run_with_signals(self, deadline: Duration, signals: &mut mpsc::Receiver<()>) -> ExitReason {
        self.foreground.close();
        self.closing.close();
        self.background.close();
        tokio::select! {
            () = self.foreground.wait() => {}
            () = self.shutdown.soft() => {}
            Some(()) = signals.recv() => {
                tracing::info!(deadline_seconds = deadline.as_secs(), "signal received, draining");
            }
        }
        self.shutdown.drain();
        tokio::select! {
            () = self.foreground.wait() => {}
            Some(()) = signals.recv() => tracing::warn!("second signal received, stopping at once"),
            () = tokio::time::sleep(deadline) => tracing::warn!("drain deadline passed, stopping at once"),
        }
        let cut_off = self.change(|state| state.running.clone());
        self.shutdown.abort();
        // A task that blocks its thread is left to the end of the process.
        let _ = tokio::time::timeout(HARD_STOP, self.foreground.wait()).await;
        let _ = tokio::time::timeout(HARD_STOP, self.closing.wait()).await;
        self.background_end.cancel();
        let rest = async { tokio::join!(self.closing.wait(), self.background.wait()) };
        let _ = tokio::time::timeout(HARD_STOP, rest).await;
        match self.change(|state| state.failure.take()) {
            Some((task, reason)) => ExitReason::Failed { task, reason },
            None if cut_off.is_empty() => ExitReason::Done,
            None => ExitReason::CutOff { tasks: cut_off },
        }
    }
}

async fn forward_signals(sender: mpsc::Sender<()>) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if sender.send(()).await.is_err() {
            return Ok(());
        }
    }
}

/// What a panic said; most say a text.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

#[cfg(test)]
mod tests;
