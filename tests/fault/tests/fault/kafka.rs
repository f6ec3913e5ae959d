//! The same run over the scaled product, its broker and its database; `make fault-run` is the form that can be
//! interrupted.

use std::time::Duration;

use afterglow_fault::Plan;
use afterglow_fault::scaled::{Outcome, Takeover, Victim, run};
use afterglow_fault::waits::Step;

/// A crashed replica's work goes on elsewhere within ten seconds: its members leave their groups after six, and
/// an assignment takes a heartbeat of two.
const KILLED_MAX: Duration = Duration::from_secs(10);

/// A stopped one's within fifteen: its shards are free after twelve, and its relay's right after ten.
const STOPPED_MAX: Duration = Duration::from_secs(15);

/// What a machine that builds and plays all parts at once may add.
const BUSY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_kafka_and_postgres_nothing_accepted_is_lost_and_nothing_happens_twice() {
    let plan = Plan { seed: 0, deals: 300, kills: 33, lose_percent: 20, open: Plan::OPEN };
    let plan = plan.from_env(u64::from(std::process::id()));
    println!("{plan}");
    let folder = tempfile::tempdir().unwrap();
    let Outcome { summary, violations, drained } =
        run(&folder.path().join("run"), &plan, |line| println!("{line}")).await;
    println!("{summary}");
    assert!(violations.is_empty(), "{plan}\n{}", listed(&violations));
    assert_eq!(summary.deals, plan.deals);
    assert!(summary.kills.values().sum::<u64>() >= plan.kills, "{plan}");
    for victim in Victim::ALL {
        assert!(summary.kills.get(&victim) >= Some(&(plan.kills / 8)), "{victim} was killed too seldom");
    }
    let (lost, gifts) = (summary.answers_lost, u64::try_from(summary.gifts).unwrap());
    let percent = lost * 100 / gifts;
    assert!((15..=25).contains(&percent), "{lost} answers of {gifts} orders were lost, not one in five");
    let (killed, stopped) = (&summary.takeover.killed, &summary.takeover.stopped);
    for (harm, waits) in [("killed", killed), ("stopped", stopped)] {
        for step in [Step::Fire, Step::Receive] {
            let seen = waits.iter().any(|wait| wait.step == step);
            assert!(seen, "nothing waited for who took over from a {harm} replica: {step:?} of {waits:?}");
        }
    }
    assert!(Takeover::longest(killed) <= KILLED_MAX + BUSY, "{killed:?}");
    assert!(Takeover::longest(stopped) <= STOPPED_MAX + BUSY, "{stopped:?}");
    assert!(drained, "everybody drains after all that");
}

fn listed(violations: &[afterglow_fault::Violation]) -> String {
    let shown: Vec<String> = violations.iter().take(30).map(ToString::to_string).collect();
    format!("{} violations, the first ones:\n{}", violations.len(), shown.join("\n"))
}
