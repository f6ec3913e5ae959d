//! What is told of the process: logs, and traces and metrics for a collector.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use tracing_subscriber::EnvFilter;

use super::defaults;
use super::host::{BaseUrl, is_loopback};
use super::problem::Code;
use super::secret;
use super::section::Section;
use super::show::{HIDDEN, seconds};

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object in a line.
    Json,
}

/// `[telemetry]`: what is logged, and how; where traces and metrics go.
#[derive(Debug, Clone, Serialize)]
pub struct Telemetry {
    /// The form of log lines.
    pub log: LogFormat,
    /// `info`, or directives such as `info,afterglow_ingest=debug`.
    pub level: String,
    /// Where traces and metrics are sent, if anywhere.
    pub otlp: Option<Otlp>,
}

/// `[telemetry.otlp]`: an OpenTelemetry collector.
#[derive(Debug, Clone, Serialize)]
pub struct Otlp {
    /// Its address for OTLP over HTTP, without `/v1/traces`.
    pub endpoint: BaseUrl,
    /// What every request carries; the values are secrets.
    #[serde(serialize_with = "hidden_values")]
    pub headers: BTreeMap<String, SecretString>,
    /// The service's name; a process of one role adds `-` and the role.
    pub service_name: String,
    /// One of so many traces that begin here is kept; 0 keeps none.
    pub trace_one_in: u32,
    /// How often metrics are sent.
    #[serde(rename = "interval_seconds", serialize_with = "seconds")]
    pub interval: Duration,
    /// How long a request may take.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
}

impl Telemetry {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let log = match section.text("log").as_deref() {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                section.note(Code::Value, "log", format!("is {other:?}; it must be \"human\" or \"json\""));
                LogFormat::Human
            }
        };
        let level = section.text("level").unwrap_or_else(|| defaults::LOG_LEVEL.to_owned());
        if let Err(error) = EnvFilter::try_new(&level) {
            section.note(Code::Value, "level", format!("is {level:?}: {error}"));
        }
        let otlp = section.optional_child("otlp").and_then(|child| Otlp::read(&child));
        section.finish();
        Self { log, level, otlp }
    }
}

impl Otlp {
    fn read(section: &Section<'_>) -> Option<Self> {
        // Ids and numbers only, nothing personal: only what stands in the headers must not be overheard.
        let endpoint: Option<BaseUrl> = section.required("endpoint", Code::Url);
        let headers = headers(section);
        let overheard = |url: &&BaseUrl| !url.is_encrypted() && !is_loopback(url.host());
        if let Some(url) = endpoint.as_ref().filter(overheard).filter(|_| !headers.is_empty()) {
            let message = format!("the headers would be sent to {} without encryption", url.host());
            section.note(Code::Plaintext, "endpoint", message);
        }
        let service_name = section.text("service_name").unwrap_or_else(|| defaults::SERVICE_NAME.to_owned());
        let trace_one_in = section.number("trace_one_in", 1, &(0..=1_000_000));
        let interval = section.seconds("interval_seconds", defaults::OTLP_INTERVAL, &(1..=600));
        let timeout = section.seconds("timeout_seconds", defaults::OTLP_TIMEOUT, &(1..=30));
        section.finish();
        Some(Self { endpoint: endpoint?, headers, service_name, trace_one_in, interval, timeout })
    }
}

fn headers(section: &Section<'_>) -> BTreeMap<String, SecretString> {
    let form = "a table such as { authorization = { env = \"OTLP_TOKEN\" } }";
    let mut headers = BTreeMap::new();
    for (name, node) in section.table("headers", form).into_iter().flatten() {
        let field = format!("headers.{name}");
        let Some(value) = secret::read(section, &field, node, defaults::GIVEN_SECRET_BYTES_MIN) else {
            continue;
        };
        let fits = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose_secret()).is_ok();
        if fits {
            headers.insert(name.clone(), value);
        } else {
            section.note(
                Code::SecretWeak,
                &field,
                "is not a header's name and value: letters, digits and signs",
            );
        }
    }
    headers
}

fn hidden_values<S: Serializer>(
    headers: &BTreeMap<String, SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.keys().map(|name| (name, HIDDEN)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Problem};
    use super::*;

    fn parse(otlp: &str) -> Result<Config, Vec<Problem>> {
        let key = "0123456789abcdef0123456789abcdef";
        let text = format!(
            "[http]\npublic_url = \"https://journeys.example.com\"\n[unsubscribe]\nsecrets = [\"{key}\"]\n\
             [dispatch]\nsuppression_key = \"{key}\"\n{otlp}"
        );
        let env = [("TOKEN".to_owned(), "Bearer top-secret".to_owned())];
        Config::parse(&text, Path::new("/etc/afterglow/afterglow.toml"), env)
    }

    fn refused(otlp: &str) -> Vec<(Code, String)> {
        let problems = parse(&format!("[telemetry.otlp]\n{otlp}")).expect_err("it is wrong");
        problems.into_iter().map(|problem| (problem.code, problem.field)).collect()
    }

    #[test]
    fn nothing_is_exported_unless_a_collector_is_named() {
        assert!(parse("").unwrap().telemetry.otlp.is_none());
        let config = parse("[telemetry.otlp]\nendpoint = \"http://collector:4318/\"").unwrap();
        let otlp = config.telemetry.otlp.unwrap();
        assert_eq!((otlp.endpoint.as_str(), otlp.trace_one_in), ("http://collector:4318", 1));
        assert_eq!((otlp.interval, otlp.timeout), (Duration::from_secs(15), Duration::from_secs(5)));
        assert_eq!(refused(""), [(Code::Missing, "telemetry.otlp.endpoint".to_owned())]);
    }

    #[test]
    fn headers_are_secrets_that_nobody_overhears_or_is_shown() {
        let headers = "headers = { authorization = { env = \"TOKEN\" } }";
        let text = format!("[telemetry.otlp]\nendpoint = \"https://collector:4318\"\n{headers}");
        let config = parse(&text).unwrap();
        assert_eq!(config.telemetry.otlp.as_ref().unwrap().headers.len(), 1);
        let shown = config.redacted();
        assert!(shown.contains("authorization = \"[secret]\"") && !shown.contains("top-secret"), "{shown}");
        let plain = format!("endpoint = \"http://collector:4318\"\n{headers}");
        assert_eq!(refused(&plain), [(Code::Plaintext, "telemetry.otlp.endpoint".to_owned())]);
        assert!(parse(&format!("[telemetry.otlp]\nendpoint = \"http://127.0.0.1:4318\"\n{headers}")).is_ok());
        let wrong = "endpoint = \"https://c:1\"\nheaders = { \"no header\" = { env = \"TOKEN\" } }";
        assert_eq!(refused(wrong), [(Code::SecretWeak, "telemetry.otlp.headers.no header".to_owned())]);
    }
}
