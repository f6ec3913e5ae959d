//! `afterglow migrate`: brings the roles' schemas up to date, before the roles of this version start, and takes
//! away what older programs needed once they are gone.

use afterglow_durable::postgres::Migrated;
use afterglow_service::exit::Exit;

use super::{block_on, role, say};
use crate::cli::Outcome;
use crate::scaled;

/// With which configuration, and how far.
#[derive(Debug, clap::Args)]
#[group(skip)] // its name would be that of the role's
pub(crate) struct Args {
    #[command(flatten)]
    role: role::Args,
    /// Also run the steps that remove what older programs need; only once none of those runs any more.
    #[arg(long)]
    contract: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let Some(config) = role::load(&args.role.config) else { return Ok(Exit::Config) };
    for (schema, done) in block_on(scaled::migrate(&config, args.contract))? {
        for line in lines(&done) {
            say(format_args!("schema {schema} ({}): {line}", done.component))?;
        }
    }
    Ok(Exit::Ok)
}

/// What was done, then what waits.
fn lines(done: &Migrated) -> Vec<String> {
    let Migrated { from, to, known, waiting, .. } = *done;
    let done = if to > known {
        format!("version {to}, newer than this program's {known} and readable for it, nothing to do")
    } else if from == to {
        format!("version {to}, nothing to do")
    } else {
        format!("version {from} to {to}")
    };
    let waits = waiting.iter().filter_map(|step| {
        let (version, readable_from) = (step.version, step.readable_from?);
        Some(format!(
            "version {version} contracts and waits: run `afterglow migrate --contract` when every program that runs knows version {readable_from} or newer"
        ))
    });
    std::iter::once(done).chain(waits).collect()
}

#[cfg(test)]
mod tests {
    use afterglow_durable::postgres::Migration;

    use super::*;

    fn told((from, to, known): (i64, i64, i64), waiting: &'static [Migration]) -> Vec<String> {
        lines(&Migrated { component: "role", from, to, known, waiting })
    }

    #[test]
    fn it_tells_what_was_done_and_what_waits() {
        const WAITS: &[Migration] = &[Migration::contracting(3, "", 2)];
        assert_eq!(told((0, 2, 2), &[]), ["version 0 to 2"]);
        assert_eq!(told((2, 2, 2), &[]), ["version 2, nothing to do"]);
        let newer = "version 3, newer than this program's 2 and readable for it, nothing to do";
        assert_eq!(told((3, 3, 2), &[]), [newer]);
        let waits = "version 3 contracts and waits: run `afterglow migrate --contract` when every program that runs knows version 2 or newer";
        assert_eq!(told((1, 2, 3), WAITS), ["version 1 to 2", waits]);
    }
}
