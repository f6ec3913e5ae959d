//! `afterglow run --demo`: the product in a world of its own, on loopback, a day per second.
//!
//! The product is the real one with a configuration made here; the world is `afterglow-sandbox`. The demo
//! only plays the two webhooks through the real edge and prints what the log says.

mod files;
mod paint;
mod screen;
mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use afterglow_domain::{Clocks, Currency, Money, Timestamp};
use afterglow_eventlog::{LogReader, Tail, TailStart};
use afterglow_events::{Event, Topic};
use afterglow_service::config::Config;
use afterglow_service::lifecycle::Shutdown;
use anyhow::Context as _;

use crate::commands::say;
use paint::Paint;
use screen::Screen;

pub(crate) use world::World;

/// How often the log is looked at: a tenth of a journey's day.
const LOOK: Duration = Duration::from_millis(100);

/// How many records are read at once.
const BATCH: usize = 500;

/// The topics that the screen reads, consequences before their causes: whatever the first gives, its
/// cause is in the log by the time the next is read.
const TOPICS: [Topic; 3] = [Topic::Deliveries, Topic::Journeys, Topic::Deals];

/// What the demo's journey allows per customer.
const BUDGET: Money = Money { minor: 50_000, currency: Currency::USD };

/// The configuration of the demo: the world's addresses and throw-away secrets.
pub(crate) fn configuration(
    folder: &Path,
    (edge, admin): (SocketAddr, SocketAddr),
    world: &World,
) -> anyhow::Result<Config> {
    files::write(folder).context("the demo's journey cannot be written")?;
    let text = world.configuration(folder, edge, admin);
    Config::parse(&text, &folder.join("demo.toml"), []).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo's configuration is wrong: {}", lines.join("; "))
    })
}

/// Plays the demo on a running product until the process drains.
pub(crate) async fn play(
    world: World,
    reader: LogReader,
    clocks: Clocks,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut show = Show::open(&reader).await?;
    let missed = show.catch_up(&world).await?;
    greet(missed > 0)?;
    if show.screen.enrolled() < 2 {
        for line in world.play_webhooks().await? {
            say(format_args!("{line}"))?;
        }
    }
    let mut told = false;
    while !shutdown.is_soft() {
        for line in show.next(&world).await? {
            show.clear_live()?;
            say(format_args!("{line}"))?;
        }
        if show.screen.finished() && !told {
            told = true;
            show.clear_live()?;
            farewell(&show.screen, &world)?;
        }
        if !told {
            show.live(clocks.journey.now(), &world)?;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.soft() => {}
        }
    }
    show.clear_live()?;
    Ok(())
}

fn greet(again: bool) -> std::io::Result<()> {
    if again {
        say(format_args!("Afterglow demo: going on from where it stopped."))?;
    } else {
        say(format_args!(
            "Afterglow demo: two deals have just been won. Watch what each customer hears from us in the next 90 days."
        ))?;
    }
    say(format_args!("One day per second, everything on this machine, nothing really sent.  Ctrl-C ends it."))
}

fn farewell(screen: &Screen, world: &World) -> std::io::Result<()> {
    let program = std::env::args().next().unwrap_or_else(|| "afterglow".to_owned());
    say(format_args!("{}", screen.summary(world, BUDGET)))?;
    say(format_args!("Look: mails {} · gifts {}", world.page("mailbox"), world.page("gifts")))?;
    say(format_args!("Ask:  {program} explain \"Bluebird Labs\"  ·  {program} tail touchpoints"))?;
    say(format_args!("Still serving; run again to go on from here.  Ctrl-C ends it."))
}

/// The screen and the tails that feed it.
struct Show {
    screen: Screen,
    tails: Vec<Tail<LogReader>>,
    paint: Paint,
    live: String,
}

impl Show {
    async fn open(reader: &LogReader) -> anyhow::Result<Self> {
        let mut tails = Vec::new();
        for topic in TOPICS {
            tails.push(reader.tail(topic, TailStart::Beginning).await?);
        }
        let paint = Paint::of_stdout();
        Ok(Self { screen: Screen::new(paint), tails, paint, live: String::new() })
    }

    /// Takes in what earlier runs did, without printing it; how many lines that would have been.
    async fn catch_up(&mut self, world: &World) -> anyhow::Result<usize> {
        let mut lines = 0;
        loop {
            let more = self.next(world).await?;
            if more.is_empty() {
                return Ok(lines);
            }
            lines += more.len();
        }
    }

    async fn next(&mut self, world: &World) -> anyhow::Result<Vec<String>> {
        let mut batches = Vec::new();
        for tail in &mut self.tails {
            batches.push(tail.next(BATCH, Duration::ZERO).await?);
        }
        let mut lines = Vec::new();
        for tailed in batches.iter().rev().flatten() {
            let event = Event::from_record(&tailed.received.record)?;
            lines.extend(self.screen.on(&event, world));
        }
        Ok(lines)
    }

    /// Redraws the moving line; on a pipe there is none.
    fn live(&mut self, now: Timestamp, world: &World) -> std::io::Result<()> {
        let text = self.screen.live(now, |at| world.day(at));
        if self.paint == Paint::Ansi && text != self.live {
            draw(&format!("\r\x1b[2K{text}"))?;
            self.live = text;
        }
        Ok(())
    }

    fn clear_live(&mut self) -> std::io::Result<()> {
        if self.live.is_empty() {
            return Ok(());
        }
        self.live.clear();
        draw("\r\x1b[2K")
    }
}

fn draw(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
