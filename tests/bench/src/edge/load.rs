//! The load generator: a fixed number of connections, each with at most one request under way.
//!
//! One thread: two cores are shared with the server, and a second one would only take from it. Requests
//! are made and signed beforehand, so that the generator's CPU is that of sending and reading. When
//! they are sent is [`Pace`]'s matter: in a closed loop latencies are those of a server at its limit.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use afterglow_domain::Clock as _;
use afterglow_service::clock::SystemClock;
use clap::Args;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use super::answer::Answers;
use super::pace::Pace;
use super::webhook;
use crate::processor;

/// Different deals: enough that neither the log's keys nor the coalescing of hints see only a few.
const DEALS: u64 = 4096;

/// Whom to load, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Plan {
    /// The server's port on loopback.
    port: u16,
    /// How many connections.
    connections: usize,
    /// How long, in milliseconds.
    time_ms: u64,
    /// Open loop: so many requests in each second. Closed loop without it.
    #[arg(long)]
    per_second: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// Requests answered otherwise.
    pub(crate) refused: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Median latency.
    pub(crate) p50_us: u64,
    /// The 99th percentile of latency.
    pub(crate) p99_us: u64,
    /// The generator's own CPU while it sent.
    pub(crate) cpu_ticks: u64,
}

impl Plan {
    /// Loads a server as fast as it answers.
    pub(crate) fn new(port: u16, connections: usize, time: Duration) -> Self {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { port, connections, time_ms, per_second: None }
    }

    /// The same at a fixed rate.
    pub(crate) fn at_rate(self, per_second: u32) -> Self {
        Self { per_second: Some(per_second), ..self }
    }

    /// The command line of a generator with this plan.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let Self { port, connections, time_ms, per_second } = self;
        let mut args =
            vec!["load".to_owned(), port.to_string(), connections.to_string(), time_ms.to_string()];
        args.extend(per_second.map(|rate| format!("--per-second={rate}")));
        args
    }

    fn pace(&self) -> anyhow::Result<Pace> {
        let time = Duration::from_millis(self.time_ms);
        match self.per_second {
            None => Ok(Pace::Closed { until: Instant::now() + time }),
            Some(rate) => Pace::open(rate, time, self.connections),
        }
    }
}

/// Sends, and prints what came of it as one JSON object.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let loaded = LocalSet::new().block_on(&runtime, send(plan))?;
    serde_json::to_writer(std::io::stdout().lock(), &loaded)?;
    Ok(std::io::stdout().flush()?)
}

async fn send(plan: &Plan) -> anyhow::Result<Loaded> {
    let at = SystemClock::default().now();
    let requests: Rc<[Vec<u8>]> = (0..DEALS).map(|deal| webhook::request(deal, at)).collect();
    let mut streams = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, plan.port)).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let ticks = processor::ticks_of(std::process::id())?;
    let start = Instant::now();
    let pace = Rc::new(plan.pace()?);
    let mut connections = JoinSet::new();
    for (index, stream) in streams.into_iter().enumerate() {
        // Each begins elsewhere, so that they do not send the same deal at a time.
        let first = index * requests.len() / plan.connections;
        connections.spawn_local(connection(stream, requests.clone(), first, pace.clone()));
    }
    let mut latencies = Histogram::<u64>::new(3)?;
    let mut refused = 0;
    while let Some(ended) = connections.join_next().await {
        let Sent { latencies_us, refused: own } = ended??;
        latencies_us.into_iter().try_for_each(|latency| latencies.record(latency))?;
        refused += own;
    }
    Ok(Loaded {
        answered: latencies.len() - refused,
        refused,
        seconds: start.elapsed().as_secs_f64(),
        p50_us: latencies.value_at_quantile(0.5),
        p99_us: latencies.value_at_quantile(0.99),
        cpu_ticks: processor::ticks_of(std::process::id())? - ticks,
    })
}

/// What one connection saw.
struct Sent {
    latencies_us: Vec<u64>,
    refused: u64,
}

async fn connection(
    stream: TcpStream,
    requests: Rc<[Vec<u8>]>,
    first: usize,
    pace: Rc<Pace>,
) -> anyhow::Result<Sent> {
    let mut answers = Answers::of(stream);
    let mut sent = Sent { latencies_us: Vec::new(), refused: 0 };
    for request in requests.iter().cycle().skip(first) {
        let Some(began) = pace.next().await else { break };
        answers.stream().write_all(request).await?;
        let status = answers.next().await?;
        sent.latencies_us.push(u64::try_from(began.elapsed().as_micros())?);
        sent.refused += u64::from(status != 200);
    }
    Ok(sent)
}
