//! What the process itself needs: addresses, limits, clock.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::defaults;
use super::host::BaseUrl;
use super::problem::Code;
use super::section::Section;
use super::show::seconds;
use crate::http::Limits;

/// `[http]`: where it listens and what it puts up with.
#[derive(Debug, Clone, Serialize)]
pub struct Http {
    /// The edge: webhooks, unsubscribe.
    pub listen: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics`, event streams.
    pub admin_listen: SocketAddr,
    /// How the edge is reached from outside; signatures and links are made from it.
    pub public_url: BaseUrl,
    /// Timeouts and sizes.
    #[serde(flatten)]
    pub limits: Limits,
    /// How long a drain may take before it is cut off.
    #[serde(rename = "shutdown_seconds", serialize_with = "seconds")]
    pub shutdown: Duration,
}

impl Http {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let address = |key, default: &str| {
            let fallback = || default.parse().ok();
            if section.has(key) { section.parsed::<SocketAddr>(key, Code::Value) } else { fallback() }
        };
        let listen = address("listen", defaults::LISTEN);
        let admin_listen = address("admin_listen", defaults::ADMIN_LISTEN);
        if let (Some(edge), Some(admin)) = (listen, admin_listen)
            && edge == admin
            && edge.port() != 0
        {
            section.note(Code::Duplicate, "admin_listen", format!("is {admin}, which is http.listen too"));
        }
        section.require("public_url");
        let public_url = section.url("public_url");
        let limits = limits(section);
        let shutdown = section.seconds("shutdown_seconds", defaults::SHUTDOWN, &(1..=600));
        section.finish();
        Some(Self { listen: listen?, admin_listen: admin_listen?, public_url: public_url?, limits, shutdown })
    }
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    Limits {
        header_timeout: section.seconds("header_timeout_seconds", default.header_timeout, &(1..=60)),
        body_timeout: section.seconds("body_timeout_seconds", default.body_timeout, &(1..=60)),
        idle_timeout: section.seconds("idle_timeout_seconds", default.idle_timeout, &(1..=600)),
        header_bytes_max: section.number("header_bytes_max", default.header_bytes_max, &(8192..=1 << 18)),
        body_bytes_max: section.number("body_bytes_max", default.body_bytes_max, &(1024..=16 << 20)),
        connections_max: section.number("connections_max", default.connections_max, &(1..=65_536)),
    }
}

/// `[clock]`: how fast the journey's clock runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClockSettings {
    /// Wall seconds in which a journey's day passes; `None` outside sandboxes: days are days.
    pub seconds_per_day: Option<u32>,
    /// Hosts beyond loopback that are sandboxes too.
    pub sandbox_hosts: Vec<String>,
}

/// Seconds in a day.
const DAY_SECONDS: u32 = 86_400;

impl ClockSettings {
    /// How many journey seconds pass in one wall second: 1 outside sandboxes, at most 86,400.
    pub fn speed(&self) -> u32 {
        self.seconds_per_day.map_or(1, |seconds| DAY_SECONDS / seconds.max(1))
    }

    pub(super) fn read(section: &Section<'_>) -> Self {
        let day = 1..=u64::from(DAY_SECONDS);
        let seconds_per_day: Option<u32> = section.optional_number("seconds_per_day", &day);
        if let Some(seconds) = seconds_per_day.filter(|seconds| !DAY_SECONDS.is_multiple_of(*seconds)) {
            let message = format!("is {seconds}; it must divide 86400, as 1, 2, 5, 10, 60, 600 and 3600 do");
            section.note(Code::Value, "seconds_per_day", message);
        }
        let sandbox_hosts = section.texts("sandbox_hosts");
        section.finish();
        Self { seconds_per_day, sandbox_hosts }
    }
}
