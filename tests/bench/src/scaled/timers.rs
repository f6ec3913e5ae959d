//! Due timers on PostgreSQL: what each costs with state, outbox and the next timer, beside bare SQL.
//!
//! Two copies of one database hold the same customers; in one of them a crowd of others waits for a day far
//! ahead. Both are fired in turn with the reference, by one loop as a process has it, by two as two replicas
//! have them, and by one while deals stream in. After each run the outbox holds exactly one touchpoint for
//! each timer that fired.

mod bare;
mod crowd;
mod measure;
mod stream;
mod wire;
mod world;

use anyhow::ensure;

use super::bare::Bytes;
use super::customers::Customers;
use super::ground::Servers;
use super::scale::Scale;
use crate::figure::Figure;
use crate::processor::{Neighbours, float};
use bare::Bare;
use measure::{Measured, Meter};
use wire::Wire;
use world::World;

pub(crate) use measure::Rate;
pub(crate) use world::STREAM;

/// Batches for warming up, for the bytes of a firing and for its round trips.
const UNMEASURED: usize = 3;

/// Loops side by side: a process has one, two replicas have two.
const LOOPS: [u8; 2] = [1, 2];

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timers {
    /// Bytes of a firing.
    pub(crate) bytes: Bytes,
    /// Round trips to the database for each timer.
    pub(crate) trips_each: f64,
    /// Bare SQL, with one worker and with two.
    pub(crate) bare: [Rate; 2],
    /// Nobody else waits.
    pub(crate) empty: Fired,
    /// A crowd waits.
    pub(crate) crowded: Fired,
    /// Percent of all cores that other processes took.
    pub(crate) foreign: Figure,
    /// Percent of all cores that the hypervisor took.
    pub(crate) stolen: Figure,
}

/// One database's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fired {
    /// With one loop and with two.
    pub(crate) alone: [Rate; 2],
    /// With one loop while deals stream in.
    pub(crate) beside_deals: Rate,
    /// Deals decided in a second meanwhile.
    pub(crate) deals: Figure,
}

/// How many batches of customers the measurement needs.
pub(super) fn batches(scale: &Scale) -> usize {
    UNMEASURED + scale.runs * (LOOPS.len() + 1)
}

/// Measures both databases and the bare SQL in turn.
pub(crate) async fn measure(
    scale: &Scale,
    servers: &Servers,
    customers: &Customers,
) -> anyhow::Result<Timers> {
    let urls = [servers.copy(&customers.url, "empty").await?, servers.copy(&customers.url, "crowded").await?];
    crowd::wait(&urls[1], scale.pending).await?;
    let trips_each = trips(&urls[0], scale).await?;
    let [empty, crowded] =
        [World::open(&urls[0], scale.timers).await?, World::open(&urls[1], scale.timers).await?];
    empty.bytes_of_a_firing().await?;
    let bytes = crowded.bytes_of_a_firing().await?;
    let mut bare = Bare::make(servers, scale.timers, bytes.clone()).await?;
    let meter = Meter { servers, pool: empty.readers() };
    bare.fire(1, &meter).await?;
    let mut timers = Timers {
        bytes,
        trips_each,
        bare: <[Rate; 2]>::default(),
        empty: Fired::default(),
        crowded: Fired::default(),
        foreign: Figure::default(),
        stolen: Figure::default(),
    };
    for _ in 0..scale.runs {
        for (place, loops) in LOOPS.into_iter().enumerate() {
            let written = bare.fire(loops, &meter).await?;
            timers.bare[place].push(&written);
            timers.shared(&written);
            timers.alone(
                place,
                [empty.fire(loops.into(), &meter).await?, crowded.fire(loops.into(), &meter).await?],
            );
        }
        timers.beside(false, empty.fire_beside_deals(&meter).await?);
        timers.beside(true, crowded.fire_beside_deals(&meter).await?);
    }
    bare.close().await;
    drop(meter);
    empty.close().await;
    crowded.close().await;
    for url in urls {
        servers.drop(&url).await?;
    }
    Ok(timers)
}

/// Round trips for each timer: counted on the wire, with every statement prepared before.
async fn trips(url: &str, scale: &Scale) -> anyhow::Result<f64> {
    let (wire, url) = Wire::of(url).await?;
    let world = World::open(&url, scale.timers).await?;
    world.bytes_of_a_firing().await?;
    let before = wire.trips();
    world.fire_unmeasured().await?;
    let trips = wire.trips() - before;
    world.tidy().await?;
    ensure!(trips > 0, "nothing went over the wire");
    world.close().await;
    Ok(float(trips) / float(u64::try_from(scale.timers)?))
}

impl Timers {
    fn alone(&mut self, place: usize, [empty, crowded]: [Measured; 2]) {
        self.empty.alone[place].push(&empty);
        self.crowded.alone[place].push(&crowded);
        self.shared(&empty);
        self.shared(&crowded);
    }

    fn beside(&mut self, crowded: bool, (measured, deals): (Measured, f64)) {
        let fired = if crowded { &mut self.crowded } else { &mut self.empty };
        fired.beside_deals.push(&measured);
        fired.deals.push(deals);
        self.shared(&measured);
    }

    fn shared(&mut self, measured: &Measured) {
        let Neighbours { foreign, stolen } = measured.neighbours;
        self.foreign.push(foreign);
        self.stolen.push(stolen);
    }
}
