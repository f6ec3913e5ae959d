//! The journeys of the configuration and what they need, read and checked before anything runs.

use std::collections::BTreeMap;

use afterglow_domain::Tenant;
use afterglow_journey::{Checked, Deed, render};
use afterglow_providers::tremendous::Product;
use afterglow_service::config::{Config, JourneyFile};

use crate::commands::journey;

/// The checked journeys per tenant.
pub(crate) type Journeys = BTreeMap<Tenant, Vec<Checked>>;

/// Reads every journey; the error is everything that is wrong with any of them.
pub(crate) fn read(config: &Config) -> Result<Journeys, Vec<String>> {
    let mut journeys = Journeys::new();
    let mut problems = Vec::new();
    for (pick, product) in config.vendors.tremendous.iter().flat_map(|vendor| &vendor.products) {
        if let Err(error) = Product::parse(product) {
            problems.push(format!("AG0006: vendors.tremendous.products.{pick}: {error}"));
        }
    }
    for configured in &config.journeys {
        let checked = match checked(config, configured) {
            Ok(checked) => checked,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let of_tenant = journeys.entry(configured.tenant.clone()).or_default();
        let name = &checked.definition.name;
        if of_tenant.iter().any(|other| other.definition.name == *name) {
            let file = configured.file.display();
            problems.push(format!(
                "AG0010: {file}: another journey of {} is called {name}, too",
                configured.tenant
            ));
        }
        of_tenant.push(checked);
    }
    if problems.is_empty() { Ok(journeys) } else { Err(problems) }
}

fn checked(config: &Config, configured: &JourneyFile) -> Result<Checked, String> {
    let file = configured.file.display();
    let checked = match journey::read(&configured.file) {
        Ok(Ok(checked)) => checked,
        Ok(Err(findings)) => return Err(format!("AG0024: {file}\n{}", render(&findings).trim_end())),
        Err(error) => return Err(format!("AG0017: {error:#}")),
    };
    let gives = |deed: &Deed| matches!(deed, Deed::Gift { .. });
    let gifts = checked.definition.moments.iter().any(|moment| gives(&moment.deed));
    if gifts && config.vendors.tremendous.is_none() {
        return Err(format!(
            "AG0015: {file} gives gifts, and no [vendors.tremendous] is configured: add it, or use a journey of mails"
        ));
    }
    for warning in &checked.warnings {
        tracing::warn!(code = warning.code, line = warning.line, "{}: {}", warning.file, warning.message);
    }
    Ok(checked)
}
