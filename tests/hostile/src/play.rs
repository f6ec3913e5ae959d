//! Plays cases against a running product, and looks after each whether it is still well.

use std::time::Duration;

use afterglow_events::proto::WebhookKind;
use afterglow_support::{History, Webhook, World, raw};
use tokio::time::Instant;

use crate::case::{Case, Expect, Stored};
use crate::json;

/// The lines of `[http]` for these suites: short patience and few connections, so that both can be seen.
pub const HTTP: &str =
    "header_timeout_seconds = 2\nbody_timeout_seconds = 2\nidle_timeout_seconds = 2\nconnections_max = 64\n";

/// An answer comes, and its connection is closed, within the two seconds of [`HTTP`] for each; the rest is
/// for a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Records are in the log before the answer; a reader in another process sees them at its next look.
const VISIBLE: Duration = Duration::from_secs(5);

/// A product under attack.
pub struct Play<'w> {
    world: &'w World,
    history: History,
    stored: Stored,
    good: u64,
}

impl<'w> Play<'w> {
    /// Against the product in this world, which runs.
    pub fn new(world: &'w World) -> Self {
        Self { world, history: world.history(), stored: Stored::default(), good: 0 }
    }

    /// Plays one case; the error says what was wrong.
    pub async fn case(&mut self, case: &Case) -> Result<(), String> {
        let name = format!("#{} {}", case.number, case.name);
        let began = Instant::now();
        let answer = raw::exchange(self.world.edge, &(case.send)(self.world), PATIENCE).await;
        if began.elapsed() >= PATIENCE {
            return Err(format!("{name}: the connection stays open; answered was {answer:?}"));
        }
        expected(case.expect, answer.as_deref())
            .and_then(|()| discreet(answer.as_deref()))
            .map_err(|wrong| format!("{name}: {wrong}"))?;
        self.expect_stored(case.stored).await.map_err(|wrong| format!("{name}: {wrong}"))?;
        self.well().await.map_err(|wrong| format!("after {name}: {wrong}"))
    }

    /// Waits until exactly these records have come since the last time.
    pub async fn expect_stored(&mut self, more: Stored) -> Result<(), String> {
        let wanted = Stored {
            events: self.stored.events + more.events,
            unparsed: self.stored.unparsed + more.unparsed,
        };
        let deadline = Instant::now() + VISIBLE;
        loop {
            self.history.catch_up().await;
            let found = count(&self.history);
            if found == wanted {
                self.stored = wanted;
                return Ok(());
            }
            let too_many = found.events > wanted.events || found.unparsed > wanted.unparsed;
            if too_many || Instant::now() > deadline {
                let before = std::mem::replace(&mut self.stored, found);
                return Err(format!("{before:?} were stored before, {wanted:?} wanted, {found:?} found"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Alive, and the next good request is taken as one event.
    async fn well(&mut self) -> Result<(), String> {
        let livez = self.world.http.get(format!("http://{}/livez", self.world.admin)).send().await;
        let status = livez.map_err(|error| format!("not alive: {error}"))?.status();
        if status != 200 {
            return Err(format!("/livez says {status}"));
        }
        self.good += 1;
        let event = json::event(&format!("{}", 900_000 + self.good));
        let answer = self.world.deliver(&Webhook::hubspot(format!("[{event}]"))).await;
        if !answer.is_success() {
            return Err(format!("a good request got {}: {}", answer.status, answer.body));
        }
        self.expect_stored(Stored { events: 1, unparsed: 0 }).await
    }
}

fn count(history: &History) -> Stored {
    let of = |kind: WebhookKind| history.webhooks().filter(|(_, hook)| hook.kind == kind as i32).count();
    Stored { events: of(WebhookKind::Event), unparsed: of(WebhookKind::Unparsed) }
}

fn expected(expect: Expect, answer: Option<&str>) -> Result<(), String> {
    if expect == Expect::Closed {
        return Ok(());
    }
    let Some(answer) = answer else { return Err("no answer".to_owned()) };
    let status = raw::status(answer).ok_or_else(|| format!("not HTTP: {answer:.80}"))?;
    let answers = answer.matches("HTTP/1.1 ").count();
    if answers != 1 {
        return Err(format!("{answers} answers to one request"));
    }
    let fits = match expect {
        Expect::Taken => (200..300).contains(&status),
        Expect::Status(wanted) => status == wanted,
        Expect::OneOf(wanted) => wanted.contains(&status),
        Expect::NotAllowed => status == 405 && raw::header(answer, "allow").is_some(),
        Expect::Closed => true,
    };
    if fits { Ok(()) } else { Err(format!("{expect:?} wanted, {status} answered: {answer:.400}")) }
}

/// No parser's words, no path inside the product: what a stranger is told is a problem's title.
fn discreet(answer: Option<&str>) -> Result<(), String> {
    let told = answer.unwrap_or_default().to_lowercase();
    let leaked = ["line 1", "column", "serde", "quick_xml", "expected ", "panicked", ".rs:", "sqlite"]
        .into_iter()
        .find(|word| told.contains(word));
    leaked.map_or(Ok(()), |word| Err(format!("the answer tells too much ({word:?}): {told:.400}")))
}
