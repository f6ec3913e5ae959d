//! `afterglow migrate`: brings the roles' schemas up to date, before the roles of this version start.

use afterglow_service::exit::Exit;

use super::role::{self, Args};
use super::{block_on, say};
use crate::cli::Outcome;
use crate::scaled::{self, Migrated};

pub(crate) fn run(args: &Args) -> Outcome {
    let Some(config) = role::load(&args.config) else { return Ok(Exit::Config) };
    for Migrated { schema, part, from, to } in block_on(scaled::migrate(&config))? {
        if from == to {
            say(format_args!("schema {schema} ({part}): version {to}, nothing to do"))?;
        } else {
            say(format_args!("schema {schema} ({part}): version {from} to {to}"))?;
        }
    }
    Ok(Exit::Ok)
}
