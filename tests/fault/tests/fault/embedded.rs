//! The run over one process, and the proof that its checker would notice.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use afterglow_events::proto::ObligationOutcome;
use afterglow_fault::checker::Kind;
use afterglow_fault::name::Name;
use afterglow_fault::promise::{JOURNEY, MOMENTS};
use afterglow_fault::run::{Outcome, run};
use afterglow_fault::{Evidence, Plan, Violation, Watch, check};
use afterglow_support::{Settings, World};
use tokio::sync::Mutex;

/// Two runs at a time on a small machine would only measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const DAY: Duration = Duration::from_secs(4);

/// How long everything that was accepted may take to end after the last kill: eleven days of four
/// seconds, half a minute until the dead process's calls are looked up, and room for a slow machine.
const QUIET: Duration = Duration::from_mins(5);

fn settings() -> Settings {
    Settings { seconds_per_day: 4, ..Settings::with_journey(JOURNEY) }
}

/// The product with a seeded bug; see `src/bin/afterglow-sabotaged.rs`.
fn sabotaged(mode: &str) -> Settings {
    Settings {
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_afterglow-sabotaged"))),
        env: vec![("AFTERGLOW_SABOTAGE", mode.to_owned())],
        ..settings()
    }
}

fn fresh_seed() -> u64 {
    u64::from(std::process::id())
}

fn listed(violations: &[Violation]) -> String {
    let shown: Vec<String> = violations.iter().take(30).map(ToString::to_string).collect();
    format!("{} violations, the first ones:\n{}", violations.len(), shown.join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_and_nothing_happens_twice() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let plan =
        Plan { seed: 0, deals: 300, kills: 20, lose_percent: 20, open: Plan::OPEN }.from_env(fresh_seed());
    println!("{plan}");
    let world = World::new(settings()).await;
    let Outcome { accepted, kills, product } = run(&world, &plan).await;
    assert_eq!((accepted.len() as u64, kills), (plan.deals, plan.kills), "{plan}");
    let mut watch = Watch::of(world.topics(), MOMENTS, DAY);
    world
        .until("every promise of every accepted deal has ended", QUIET, async || {
            watch.catch_up().await;
            watch.is_quiet(&accepted).then_some(())
        })
        .await;
    let evidence = collect(&world, watch, accepted).await;
    report(&evidence, world.sandbox.gifts.lost());
    let violations = check(&evidence, MOMENTS);
    assert!(violations.is_empty(), "{plan}\n{}", listed(&violations));
    assert!(
        world.sandbox.gifts.lost() > plan.deals / 10,
        "the vendor lost too few answers to prove anything"
    );
    assert_eq!(product.terminate().await, Some(0), "the product drains after all that");
}

/// Everything that the checker looks at.
async fn collect(world: &World, mut watch: Watch, accepted: BTreeSet<Name>) -> Evidence {
    watch.evidence.take_world(&world.sandbox, &mut watch.names);
    watch.evidence.take_doubts(&world.ask(&["attempts", "list"]).await);
    Evidence { accepted, ..watch.evidence }
}

fn report(evidence: &Evidence, lost: u64) {
    let failed = ObligationOutcome::Failed as i32;
    println!(
        "{} deals accepted, {} touchpoints, {} gifts ordered ({lost} answers lost), {} mails, {} in doubt, {} promises failed",
        evidence.accepted.len(),
        evidence.due.len(),
        evidence.orders.len(),
        evidence.mails.len(),
        evidence.in_doubt.len(),
        evidence.closed.iter().filter(|closed| closed.outcome == failed).count(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_commit_is_noticed() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let plan = Plan { seed: 11, deals: 12, kills: 6, lose_percent: 0, open: Plan::OPEN };
    let world = World::new(sabotaged("ack-before-commit")).await;
    let Outcome { accepted, product, .. } = run(&world, &plan).await;
    // What was still on its way into the log when the last answer was given may get there.
    product.terminate().await;
    let mut watch = Watch::of(world.topics(), MOMENTS, DAY);
    watch.catch_up().await;
    let evidence = Evidence { accepted, ..watch.evidence };
    let violations = check(&evidence, MOMENTS);
    let lost = violations.iter().filter(|found| found.kind == Kind::AcceptedAndLost).count();
    assert!(
        lost > 0,
        "an answer was given too early, and the checker did not notice: {}",
        listed(&violations)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_dedupe_is_noticed() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let plan = Plan { seed: 12, deals: 12, kills: 0, lose_percent: 50, open: Plan::OPEN };
    let world = World::new(sabotaged("no-dedupe")).await;
    let Outcome { accepted, product: _product, .. } = run(&world, &plan).await;
    let patience = Duration::from_secs(90);
    let violations = world
        .until("the checker finds a gift that was ordered twice", patience, async || {
            let mut watch = Watch::of(world.topics(), MOMENTS, DAY);
            watch.catch_up().await;
            let evidence = collect(&world, watch, accepted.clone()).await;
            let violations = check(&evidence, MOMENTS);
            violations.iter().any(|found| found.kind == Kind::GiftTwice).then_some(violations)
        })
        .await;
    assert!(violations.iter().all(|found| found.kind != Kind::AcceptedAndLost), "{}", listed(&violations));
}
