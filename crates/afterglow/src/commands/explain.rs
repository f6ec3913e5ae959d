//! `afterglow explain`: what happened to a customer, what is next, and why something did not happen.
//!
//! Each role is asked through its own queries; nothing is written and nothing needs to run.

mod code;
mod page;

use std::path::Path;

use afterglow_dispatcher::query as deliveries;
use afterglow_domain::{AccountKey, DealKey, HomeKey, Tenant};
use afterglow_durable::sqlite;
use afterglow_ingest::query::{self as looks, Which};
use afterglow_journey_engine::query as journeys;
use afterglow_service::exit::Exit;

use super::{block_on, say};
use crate::cli::{DataFolder, Outcome};

/// Who or what is asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A customer's name, an account key, a home key, a deal's id, or an error code such as AG0007.
    what: String,
    /// Only this moment, with every check and call.
    #[arg(long)]
    moment: Option<String>,
    /// Every moment with every check and call.
    #[arg(long, conflicts_with = "moment")]
    all: bool,
    #[command(flatten)]
    data: DataFolder,
}

/// How much is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A line per moment.
    Short,
    /// Everything about one moment.
    Moment(String),
    /// Everything about every moment.
    All,
}

pub(crate) fn run(args: &Args) -> Outcome {
    if code::is_code(&args.what) {
        return explain_code(&args.what);
    }
    let detail = match &args.moment {
        Some(moment) => Detail::Moment(moment.clone()),
        None if args.all => Detail::All,
        None => Detail::Short,
    };
    block_on(customer(&args.what, &detail, &args.data.data_dir))
}

fn explain_code(text: &str) -> Outcome {
    let Some(page) = code::page(text) else {
        say(format_args!("{text} is not a code of this version"))?;
        return Ok(Exit::Findings);
    };
    say(format_args!("{page}"))?;
    Ok(Exit::Ok)
}

async fn customer(asked: &str, detail: &Detail, folder: &Path) -> Outcome {
    let engine = sqlite::open_read_only(&folder.join("engine.db")).await?;
    let dispatcher = sqlite::open_read_only(&folder.join("dispatcher.db")).await?;
    let ingest = sqlite::open_read_only(&folder.join("ingest.db")).await?;

    let mut enrolments = journeys::enrolments(&engine, asked).await?;
    let mut cut = cut_to(&mut enrolments, journeys::FOUND_MAX);
    for enrolment in &enrolments {
        let touchpoints = deliveries::of_enrolment(&dispatcher, &enrolment.id.to_string()).await?;
        let tenant: Tenant = enrolment.home.tenant();
        let account =
            if enrolment.account.0.is_empty() { enrolment.home.local() } else { &enrolment.account.0 };
        let budgets = deliveries::budgets(&dispatcher, &tenant, account).await?;
        for line in page::enrolment(enrolment, &touchpoints, &budgets, detail) {
            say(format_args!("{line}"))?;
        }
    }
    let mut lines = Vec::new();
    let mut deals = journeys::deals(&engine, asked).await?;
    cut |= cut_to(&mut deals, journeys::FOUND_MAX);
    for deal in &deals {
        if !enrolments.iter().any(|enrolment| enrolment.deal == deal.deal) {
            lines.push(page::deal_without_journey(deal));
        }
    }
    let mut views = looks::deals(&ingest, &which(asked)).await?;
    cut |= cut_to(&mut views, looks::DEALS_MAX);
    lines.extend(views.iter().filter_map(page::pending_look));
    if enrolments.is_empty() && lines.is_empty() {
        say(format_args!(
            "nothing is known of {asked:?}: ask for a customer's name as the CRM writes it, an account or home key, or a deal's id"
        ))?;
        return Ok(Exit::Findings);
    }
    for line in lines {
        say(format_args!("{line}"))?;
    }
    if cut {
        say(format_args!(
            "there are more: ask for a home key, an account key or a deal's id to see the others"
        ))?;
    }
    Ok(Exit::Ok)
}

/// Keeps what is worth reading; whether there was more.
fn cut_to<T>(found: &mut Vec<T>, max: usize) -> bool {
    let more = found.len() > max;
    found.truncate(max);
    more
}

fn which(asked: &str) -> Which {
    if let Ok(home) = HomeKey::new(asked) {
        return Which::Home(home);
    }
    if let Ok(deal) = DealKey::new(asked) {
        return Which::Deal(deal);
    }
    if let Ok(account) = AccountKey::new(asked) {
        return Which::Account(account);
    }
    let id = asked.len() >= 4
        && asked.bytes().all(|b| b.is_ascii_alphanumeric())
        && asked.bytes().any(|b| b.is_ascii_digit());
    if id { Which::Object(asked.to_owned()) } else { Which::AccountName(asked.to_owned()) }
}
