use std::convert::Infallible;

use super::*;

const DEADLINE: Duration = Duration::from_secs(25);

/// Runs with a sender in place of the operating system.
async fn run(tasks: Tasks, signals: usize) -> ExitReason {
    let (sender, mut receiver) = mpsc::channel(2);
    for _ in 0..signals {
        sender.send(()).await.unwrap();
    }
    tasks.run_with_signals(DEADLINE, &mut receiver).await
}

#[tokio::test(start_paused = true)]
async fn a_signal_drains() {
    let tasks = Tasks::new();
    let shutdown = tasks.shutdown();
    tasks.spawn("loop", async move {
        shutdown.soft().await;
        tokio::time::sleep(DEADLINE / 2).await;
        Ok::<(), Infallible>(())
    });
    assert_eq!(run(tasks, 1).await, ExitReason::Done);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_drain_is_cut_off_and_named() {
    let tasks = Tasks::new();
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    let before = tokio::time::Instant::now();
    assert_eq!(run(tasks, 1).await, ExitReason::CutOff { tasks: vec!["deaf"] });
    assert_eq!(before.elapsed(), DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_does_not_wait() {
    let tasks = Tasks::new();
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    let before = tokio::time::Instant::now();
    let reason = run(tasks, 2).await;
    assert_eq!((reason.exit(), before.elapsed()), (Exit::Internal, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_error_drains_the_others_and_is_the_reason() {
    let tasks = Tasks::new();
    let shutdown = tasks.shutdown();
    tasks.spawn("good", async move {
        shutdown.soft().await;
        Ok::<(), Infallible>(())
    });
    tasks.spawn("bad", async { Err("the disk is full") });
    let expected = ExitReason::Failed { task: "bad", reason: "the disk is full".to_owned() };
    assert_eq!(run(tasks, 0).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_with_a_name() {
    let tasks = Tasks::new();
    tasks.spawn("shaky", async {
        assert!(tokio::time::Instant::now().elapsed() > DEADLINE, "lost its mind");
        Ok::<(), Infallible>(())
    });
    let expected = ExitReason::Failed { task: "shaky", reason: "panicked: lost its mind".to_owned() };
    assert_eq!(run(tasks, 0).await, expected);
}

#[tokio::test(start_paused = true)]
async fn background_tasks_outlive_the_drain_and_no_more() {
    let tasks = Tasks::new();
    let (alive, mut seen) = mpsc::unbounded_channel();
    tasks.spawn_background("ticker", async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if alive.send(tokio::time::Instant::now()).is_err() {
                return Err("nobody listens");
            }
        }
    });
    let shutdown = tasks.shutdown();
    let start = tokio::time::Instant::now();
    tasks.spawn("loop", async move {
        shutdown.soft().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok::<(), Infallible>(())
    });
    assert_eq!(run(tasks, 1).await, ExitReason::Done);
    let mut last = start;
    while let Some(at) = seen.recv().await {
        last = at;
    }
    assert!(last.duration_since(start) >= Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn no_tasks_left_is_done() {
    let tasks = Tasks::new();
    tasks.spawn("once", async { Ok::<(), Infallible>(()) });
    assert_eq!(run(tasks, 0).await, ExitReason::Done);
}
