//! The journeys of the configuration and what they need, read and checked before anything runs.

use std::collections::BTreeMap;

use afterglow_domain::Tenant;
use afterglow_journey::{Checked, Deed, render};
use afterglow_providers::tremendous::Product;
use afterglow_service::config::Config;
use anyhow::{Context as _, bail};

use crate::commands::journey;

/// The checked journeys per tenant. A file with findings stops the start, with all of them in the text.
pub(crate) fn read(config: &Config) -> anyhow::Result<BTreeMap<Tenant, Vec<Checked>>> {
    let mut journeys: BTreeMap<Tenant, Vec<Checked>> = BTreeMap::new();
    for (pick, product) in config.vendors.tremendous.iter().flat_map(|vendor| &vendor.products) {
        Product::parse(product).with_context(|| format!("AG0006: vendors.tremendous.products.{pick}"))?;
    }
    for configured in &config.journeys {
        let checked = match journey::read(&configured.file)? {
            Ok(checked) => checked,
            Err(findings) => bail!("AG0024: a journey is wrong\n{}", render(&findings)),
        };
        let gives = |deed: &Deed| matches!(deed, Deed::Gift { .. });
        let gifts = checked.definition.moments.iter().any(|moment| gives(&moment.deed));
        if gifts && config.vendors.tremendous.is_none() {
            bail!(
                "AG0015: {} gives gifts, and no [vendors.tremendous] is configured: add it, or use a journey of mails",
                configured.file.display()
            );
        }
        for warning in &checked.warnings {
            tracing::warn!(code = warning.code, line = warning.line, "{}: {}", warning.file, warning.message);
        }
        journeys.entry(configured.tenant.clone()).or_default().push(checked);
    }
    Ok(journeys)
}
