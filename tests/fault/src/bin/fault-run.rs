//! The long fault run over the scaled product: `make fault-run KILLS=… DEALS=… FOLDER=…`.
//!
//! Interrupted, by Ctrl-C or by SIGKILL, and started again on the same folder, it goes on. It ends with its
//! figures, and with 1 where the checker found something.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use afterglow_fault::Plan;
use afterglow_fault::scaled::{Outcome, run};

/// How many violations are shown.
const SHOWN: usize = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let plan = Plan { seed: 0, deals: 1_000, kills: 100, lose_percent: 20, open: Plan::OPEN }.from_env(1);
    let folder = std::env::var_os("FOLDER").map_or_else(|| PathBuf::from("target/fault-run"), PathBuf::from);
    let folder = std::path::absolute(folder).expect("the working folder is known");
    say(&format!("{plan}, in {}", folder.display()));
    let Outcome { summary, violations, drained } = run(&folder, &plan, say).await;
    violations.iter().take(SHOWN).for_each(|violation| say(&violation.to_string()));
    say(&summary.to_string());
    if !drained {
        say("not everybody drained in time at the end");
    }
    ExitCode::from(u8::from(!violations.is_empty() || !drained))
}

fn say(line: &str) {
    // Nobody may be listening any more; that changes nothing.
    let _ = writeln!(std::io::stdout(), "{line}");
}
