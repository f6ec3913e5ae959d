//! `afterglow explain`: what happened to a customer, what is next, and why something did not happen.
//!
//! Each role is asked through its own queries; nothing is written and nothing needs to run.

mod code;
mod page;

use std::collections::BTreeSet;

use afterglow_dispatcher::query::{Rows as _, Whose, deliveries};
use afterglow_domain::{AccountKey, DealKey, DealRef, HomeKey, Tenant};
use afterglow_ingest::query::{self as looks, Which};
use afterglow_journey_engine::query as journeys;
use afterglow_service::exit::Exit;

use super::product::{OnProduct, Product, Where};
use super::say;
use crate::cli::{Outcome, Usage};
use crate::ground;

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
    product: Where,
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
    args.product.run(args)
}

impl OnProduct for Args {
    async fn on<P: Product>(&self, product: &P) -> Outcome {
        let detail = match &self.moment {
            Some(moment) => Detail::Moment(moment.clone()),
            None if self.all => Detail::All,
            None => Detail::Short,
        };
        customer(product, &self.what, &detail).await
    }
}

fn explain_code(text: &str) -> Outcome {
    let Some(page) = code::page(text) else {
        say(format_args!("{text} is not a code of this version"))?;
        return Ok(Exit::Findings);
    };
    say(format_args!("{page}"))?;
    Ok(Exit::Ok)
}

async fn customer<P: Product>(product: &P, asked: &str, detail: &Detail) -> Outcome {
    let engine = product.readers(&ground::ENGINE).await?;
    let dispatcher = product.readers(&ground::DISPATCHER).await?;
    let ingest = product.readers(&ground::INGEST).await?;

    let mut enrolments = journeys::enrolments(&engine, asked).await?;
    let mut cut = cut_to(&mut enrolments, journeys::FOUND_MAX);
    if let Detail::Moment(moment) = detail {
        refuse_unknown(&enrolments, moment)?;
    }
    let mut lines = Vec::new();
    for enrolment in &enrolments {
        let touchpoints = deliveries(&dispatcher, Whose::Enrolment(&enrolment.id.to_string())).await?;
        let tenant: Tenant = enrolment.home.tenant();
        let account =
            if enrolment.account.0.is_empty() { enrolment.home.local() } else { &enrolment.account.0 };
        let budgets = dispatcher.budgets(&tenant, account).await?;
        if enrolments.len() > 1 && matches!(detail, Detail::Moment(_)) {
            lines.push(page::header(enrolment));
        }
        lines.extend(page::enrolment(enrolment, &touchpoints, &budgets, detail));
    }
    let mut told: Vec<DealRef> = enrolments.iter().map(|enrolment| enrolment.deal.clone()).collect();
    let mut deals = journeys::deals(&engine, asked).await?;
    cut |= cut_to(&mut deals, journeys::FOUND_MAX);
    for deal in &deals {
        if !told.contains(&deal.deal) {
            lines.push(page::deal_without_journey(deal));
            told.push(deal.deal.clone());
        }
    }
    cut |= looks_at_the_crm(&ingest, asked, &told, &mut lines).await?;
    if lines.is_empty() {
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

/// A moment that none of the journeys has is a mistyped argument.
fn refuse_unknown(enrolments: &[journeys::Enrolment], moment: &str) -> Result<(), Usage> {
    let known: Vec<&str> = enrolments.iter().flat_map(page::moments).collect();
    if known.is_empty() || known.contains(&moment) {
        return Ok(());
    }
    let unique: BTreeSet<&str> = known.iter().copied().collect();
    let mut in_order = known;
    in_order.retain({
        let mut left = unique;
        move |moment| left.remove(moment)
    });
    Err(Usage(format!("--moment: there is no moment {moment:?}; there are {}", in_order.join(", "))))
}

/// What the resolver knows of the deals that are asked for, beyond what was told; whether there is more.
async fn looks_at_the_crm(
    ingest: &impl looks::Rows,
    asked: &str,
    told: &[DealRef],
    lines: &mut Vec<String>,
) -> anyhow::Result<bool> {
    let mut cut = false;
    let mut seen = BTreeSet::new();
    for which in which(asked) {
        let mut views = looks::deals(ingest, &which).await?;
        cut |= cut_to(&mut views, looks::DEALS_MAX);
        views.retain(|view| seen.insert(view.known.deal.to_string()));
        lines.extend(views.iter().filter_map(|view| page::known_deal(view, told.contains(&view.known.deal))));
        let mut unread = ingest.unread(&which).await?;
        cut |= cut_to(&mut unread, looks::DEALS_MAX);
        unread.retain(|pending| seen.insert(pending.deal.to_string()));
        lines.extend(unread.iter().map(page::unread_deal));
    }
    Ok(cut)
}

/// Keeps what is worth reading; whether there was more.
fn cut_to<T>(found: &mut Vec<T>, max: usize) -> bool {
    let more = found.len() > max;
    found.truncate(max);
    more
}

/// What the text may mean: one word with a digit may be the CRM's own id, and somebody's name as well.
fn which(asked: &str) -> Vec<Which> {
    let home = HomeKey::new(asked).map(Which::Home);
    let key = asked.rsplit('/').next().unwrap_or_default();
    let deal = DealKey::new(key).map(Which::Deal);
    let account = AccountKey::new(asked).map(Which::Account);
    let keys: Vec<Which> = [home, deal, account].into_iter().flatten().collect();
    if !keys.is_empty() {
        return keys;
    }
    vec![Which::Object(asked.to_owned()), Which::AccountName(asked.to_owned())]
}
