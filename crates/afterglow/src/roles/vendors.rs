//! The vendors of the configuration.

use std::num::NonZeroU32;

use afterglow_dispatcher::Paced;
use afterglow_providers::{Smtp, Tremendous, smtp, tremendous};
use afterglow_rate::{Limiter, Rate};
use afterglow_service::config::{self, Vendors};
use afterglow_service::http_client;
use anyhow::Context as _;
use secrecy::SecretString;

/// The gift vendor of the configuration, if it names one.
pub(crate) fn gifts(
    vendors: &Vendors,
    limiter: impl Fn(String, Rate) -> Limiter,
) -> anyhow::Result<Option<Tremendous>> {
    let Some(settings) = &vendors.tremendous else { return Ok(None) };
    let options = http_client::Options {
        timeout: settings.timeout,
        system_proxy: vendors.system_proxy,
        ..http_client::Options::default()
    };
    let calls_per_second = rate(settings.rate_per_second)?;
    let vendor = Tremendous::new(
        http_client::build(&options)?,
        tremendous::Settings {
            base_url: settings.base_url.as_str().to_owned(),
            secret: settings.secret.clone(),
            funding_source: settings.funding_source.clone(),
            calls_per_second,
            timeout: settings.timeout,
        },
    )?;
    Ok(Some(vendor.limited(limiter("tremendous".to_owned(), tremendous::rate(calls_per_second)))))
}

/// The mail server of the configuration, at its rate, if it names one.
pub(crate) fn mailer(
    vendors: &Vendors,
    limiter: impl Fn(String, Rate) -> Limiter,
) -> anyhow::Result<Option<Paced<Smtp>>> {
    let Some(settings) = &vendors.smtp else { return Ok(None) };
    let smtp = Smtp::new(smtp::Settings {
        host: settings.host.clone(),
        port: settings.port,
        security: match settings.tls {
            config::Tls::None => smtp::Security::Plain,
            config::Tls::Starttls => smtp::Security::StartTls,
            config::Tls::Tls => smtp::Security::Tls,
        },
        login: settings.username.as_ref().map(|user| smtp::Login {
            user: user.as_str().into(),
            password: settings.secret.clone().unwrap_or_else(|| SecretString::from("")),
        }),
        timeout: settings.timeout,
        hello_name: None,
    })?;
    // Mail servers take it ill to be called in bursts.
    let rate = Rate::per_second(rate(settings.rate_per_second)?);
    Ok(Some(Paced::new(smtp, limiter("smtp".to_owned(), rate))))
}

fn rate(per_second: u32) -> anyhow::Result<NonZeroU32> {
    NonZeroU32::new(per_second).context("a rate is at least 1")
}
