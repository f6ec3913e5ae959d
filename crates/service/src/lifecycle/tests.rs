use std::convert::Infallible;

use super::*;

/// Long enough that a test which waits for it is a failed test.
const DEADLINE: Duration = Duration::from_mins(10);

/// Runs with a sender in place of the operating system.
async fn run(tasks: Tasks, signals: usize, deadline: Duration) -> ExitReason {
    let (sender, mut receiver) = mpsc::channel(2);
    for _ in 0..signals {
        sender.send(()).await.unwrap();
    }
    let running = tasks.run_with_signals(deadline, &mut receiver);
    tokio::time::timeout(DEADLINE / 10, running).await.expect("it ends")
}

#[tokio::test]
async fn a_signal_drains() {
    let tasks = Tasks::new();
    let shutdown = tasks.shutdown();
    tasks.spawn("loop", async move {
        shutdown.soft().await;
        tokio::task::yield_now().await;
        Ok::<(), Infallible>(())
    });
    assert_eq!(run(tasks, 1, DEADLINE).await, ExitReason::Done);
}

#[tokio::test]
async fn who_does_not_drain_is_cut_off_and_named() {
    let tasks = Tasks::new();
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    let reason = run(tasks, 1, Duration::from_millis(20)).await;
    assert_eq!(reason, ExitReason::CutOff { tasks: vec!["deaf"] });
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let tasks = Tasks::new();
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    assert_eq!(run(tasks, 2, DEADLINE).await.exit(), Exit::Internal);
}

#[tokio::test]
async fn an_error_drains_the_others_and_is_the_reason() {
    let tasks = Tasks::new();
    let shutdown = tasks.shutdown();
    tasks.spawn("good", async move {
        shutdown.soft().await;
        Ok::<(), Infallible>(())
    });
    tasks.spawn("bad", async { Err("the disk is full") });
    let expected = ExitReason::Failed { task: "bad", reason: "the disk is full".to_owned() };
    assert_eq!(run(tasks, 0, DEADLINE).await, expected);
}

#[tokio::test]
async fn a_panic_is_an_error_with_a_name() {
    let tasks = Tasks::new();
    tasks.spawn("shaky", async {
        assert!(std::env::args().count() == 0, "lost its mind");
        Ok::<(), Infallible>(())
    });
    let expected = ExitReason::Failed { task: "shaky", reason: "panicked: lost its mind".to_owned() };
    assert_eq!(run(tasks, 0, DEADLINE).await, expected);
}

#[tokio::test]
async fn what_the_others_leave_is_sent_before_the_end() {
    let tasks = Tasks::new();
    let (shutdown, hard) = (tasks.shutdown(), tasks.shutdown().hard_token());
    let (leave, mut left) = mpsc::channel(1);
    let (post, mut posted) = mpsc::channel(1);
    tasks.spawn("loop", async move {
        shutdown.soft().await;
        leave.send("a letter").await
    });
    tasks.spawn_closing("relay", async move {
        hard.cancelled().await;
        // It takes its time.
        tokio::time::sleep(Duration::from_millis(50)).await;
        post.send(left.try_recv()).await
    });
    assert_eq!(run(tasks, 1, DEADLINE).await, ExitReason::Done);
    assert_eq!(posted.recv().await, Some(Ok("a letter")));
}

#[tokio::test]
async fn what_cannot_be_sent_holds_nobody_up() {
    let tasks = Tasks::new();
    tasks.spawn_closing("stuck", std::future::pending::<Result<(), Infallible>>());
    assert_eq!(run(tasks, 1, DEADLINE).await, ExitReason::Done);
}

#[tokio::test]
async fn background_tasks_serve_until_the_last_of_the_others_has_ended() {
    let tasks = Tasks::new();
    let (ask, mut asked) = mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
    tasks.spawn_background("helper", async move {
        while let Some(answer) = asked.recv().await {
            answer.send(()).map_err(|()| "nobody waits")?;
        }
        std::future::pending::<Result<(), &str>>().await
    });
    let shutdown = tasks.shutdown();
    tasks.spawn("loop", async move {
        shutdown.soft().await;
        let (answer, answered) = tokio::sync::oneshot::channel();
        ask.send(answer).await.map_err(|_| "the helper is gone")?;
        answered.await.map_err(|_| "the helper is gone")
    });
    assert_eq!(run(tasks, 1, DEADLINE).await, ExitReason::Done);
}

#[tokio::test]
async fn no_tasks_left_is_done() {
    let tasks = Tasks::new();
    tasks.spawn("once", async { Ok::<(), Infallible>(()) });
    assert_eq!(run(tasks, 0, DEADLINE).await, ExitReason::Done);
}
