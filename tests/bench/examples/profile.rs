#![allow(warnings, clippy::all)]
#[path = "../src/ask.rs"] mod ask;
#[path = "../src/child.rs"] mod child;
#[path = "../src/edge.rs"] mod edge;
#[path = "../src/figure.rs"] mod figure;
#[path = "../src/machine.rs"] mod machine;
#[path = "../src/memory.rs"] mod memory;
#[path = "../src/options.rs"] mod options;
#[path = "../src/processor.rs"] mod processor;
#[path = "../src/timers.rs"] mod timers;

fn progress(line: &str) -> anyhow::Result<()> { eprintln!("{line}"); Ok(()) }
use std::path::Path;
use afterglow_durable::{*, turns::fire_due};
use afterglow_domain::*;
use afterglow_journey::Published;
use afterglow_journey_engine::store::EngineTx;
use afterglow_journey_engine::rows::*;
use afterglow_events::Cursor;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
static T: Mutex<BTreeMap<&'static str, (u64, Duration)>> = Mutex::new(BTreeMap::new());
fn note(name: &'static str, at: Instant) { let mut t = T.lock().unwrap(); let e = t.entry(name).or_default(); e.0 += 1; e.1 += at.elapsed(); }
macro_rules! timed { ($n:literal, $e:expr) => {{ let at = Instant::now(); let r = $e; note($n, at); r }} }
#[derive(Clone)] struct P(sqlite::Store);
struct PTx(sqlite::Tx);
impl Store for P {
    type Tx = PTx;
    async fn begin(&self, s: &ShardSet) -> Result<PTx, Error> { Ok(PTx(self.0.begin(s).await?)) }
    async fn begin_due(&self, t: Timeline, now: Timestamp, max: usize) -> Result<Option<(PTx, Vec<Timer>)>, Error> {
        Ok(timed!("begin_due", self.0.begin_due(t, now, max).await)?.map(|(tx, p)| (PTx(tx), p)))
    }
    async fn next_due(&self, t: Timeline) -> Result<Option<Timestamp>, Error> { self.0.next_due(t).await }
    async fn outbox_read(&self, max: usize) -> Result<Vec<(i64, OutboxRow)>, Error> { timed!("relay.read", self.0.outbox_read(max).await) }
    async fn outbox_settle(&self, a: &[i64], p: &[(i64, ParkedLetter)]) -> Result<(), Error> { timed!("relay.settle", self.0.outbox_settle(a, p).await) }
    async fn cursors(&self, g: &str) -> Result<Vec<Cursor>, Error> { self.0.cursors(g).await }
    async fn parked(&self, m: usize) -> Result<Vec<ParkedLetter>, Error> { self.0.parked(m).await }
    async fn prune_inbox(&self, b: Timestamp, m: usize) -> Result<usize, Error> { self.0.prune_inbox(b, m).await }
    fn changed(&self) -> Arc<tokio::sync::Notify> { self.0.changed() }
    fn splits_classes(&self) -> bool { false }
}
impl Tx for PTx {
    async fn first_seen(&mut self, m: &[InboxMark]) -> Result<Vec<bool>, Error> { self.0.first_seen(m).await }
    fn armable(&self, t: Timeline, s: Shard, d: Timestamp) -> Timestamp { self.0.armable(t, s, d) }
    async fn write(&mut self, w: Writes) -> Result<(), Error> {
        let Writes { disarm, arm, outbox, cursors, parked } = w;
        if !disarm.is_empty() { timed!("write.disarm", self.0.write(Writes { disarm, ..Default::default() }).await)?; }
        if !arm.is_empty() { timed!("write.arm", self.0.write(Writes { arm, ..Default::default() }).await)?; }
        if !outbox.is_empty() { timed!("write.outbox", self.0.write(Writes { outbox, ..Default::default() }).await)?; }
        self.0.write(Writes { cursors, parked, ..Default::default() }).await
    }
    async fn commit(self) -> Result<(), Error> { timed!("commit", self.0.commit().await) }
}
impl EngineTx for PTx {
    async fn load_deals(&mut self, d: &[DealRef]) -> Result<Vec<DealRow>, Error> { timed!("load_deals", self.0.load_deals(d).await) }
    async fn save_deals(&mut self, d: &[DealRow]) -> Result<(), Error> { timed!("save_deals", self.0.save_deals(d).await) }
    async fn load_enrolments(&mut self, i: &[EnrolmentId]) -> Result<Vec<EnrolmentRow>, Error> { timed!("load_enrolments", self.0.load_enrolments(i).await) }
    async fn load_enrolments_of(&mut self, d: &[DealRef]) -> Result<Vec<EnrolmentRow>, Error> { timed!("load_enrolments_of", self.0.load_enrolments_of(d).await) }
    async fn save_enrolments(&mut self, e: &[EnrolmentRow]) -> Result<(), Error> { timed!("save_enrolments", self.0.save_enrolments(e).await) }
    async fn save_states(&mut self, e: &[EnrolmentRow]) -> Result<(), Error> { timed!("save_states", self.0.save_states(e).await) }
    async fn save_obligations(&mut self, o: &[ObligationRow]) -> Result<(), Error> { timed!("save_obligations", self.0.save_obligations(o).await) }
    async fn link_accounts(&mut self, l: &[AccountLink]) -> Result<(), Error> { self.0.link_accounts(l).await }
    async fn load_in_use(&mut self, t: &[Tenant]) -> Result<Vec<(Tenant, String, u32)>, Error> { self.0.load_in_use(t).await }
    async fn load_definition(&mut self, t: &Tenant, j: &str, v: u32) -> Result<Option<Published>, Error> { self.0.load_definition(t, j, v).await }
    async fn newest_definition(&mut self, t: &Tenant, j: &str) -> Result<Option<(u32, [u8; 32])>, Error> { self.0.newest_definition(t, j).await }
    async fn save_definition(&mut self, t: &Tenant, v: &Published, a: Timestamp) -> Result<(), Error> { self.0.save_definition(t, v, a).await }
    async fn use_journeys(&mut self, t: &Tenant, j: &[(String, u32)]) -> Result<(), Error> { self.0.use_journeys(t, j).await }
}
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    use afterglow_domain::clock::ManualClock;
    let n: usize = std::env::args().nth(1).unwrap().parse()?;
    let folder = tempfile::tempdir_in("/tmp/t")?;
    let path = folder.path().join("e.db");
    let mut rates = figure::Figure::default();
    timers::customers::enrol(&path, 4, n, &mut rates).await?;
    println!("enrolled/s {rates}");
    let clock = ManualClock::new(timers::START);
    let store = P(sqlite::Store::open(&path, afterglow_journey_engine::store::sqlite::MIGRATIONS).await?);
    let options = afterglow_journey_engine::Options { sender_company: "Afterglow".into(), ..Default::default() };
    let engine: afterglow_journey_engine::Engine<PTx> = afterglow_journey_engine::Engine::new(options, Clocks::same(Arc::new(clock.clone())));
    for run in 0..4 {
        T.lock().unwrap().clear();
        let due = store.next_due(Timeline::Journey).await?.unwrap();
        clock.set(due.plus(Duration::from_secs(1)));
        let (cpu, at) = (processor::ticks_of(std::process::id())?, Instant::now());
        let (mut fired, mut pages) = (0, 0);
        loop { match fire_due(&engine, &store, Timeline::Journey).await? { 0 => break, p => { fired += p; pages += 1; } } }
        let s = at.elapsed().as_secs_f64();
        let cpu = processor::ticks_of(std::process::id())? - cpu;
        println!("run {run}: {fired} in {pages} pages, {:.0}/s, {:.1} us each wall, {:.1} us cpu", fired as f64 / s, s * 1e6 / fired as f64, processor::us_each(cpu, fired as u64));
        let mut known = 0.0;
        for (k, (c, d)) in T.lock().unwrap().iter() { let us = d.as_secs_f64() * 1e6 / fired as f64; known += us; println!("   {k:20} x{c:5} {us:7.2} us/timer"); }
        println!("   rest (decide, record) {:.2} us/timer", s * 1e6 / fired as f64 - known);
    }
    Ok(())
}
