//! What the run asks and tells the product's database itself.

use std::time::Duration;

use afterglow_dispatcher::AttemptState;
use afterglow_domain::Timestamp;
use afterglow_support::{Cluster, World};
use sqlx::{Connection as _, PgConnection};

use super::director::TALLY_INTERVAL;

/// Makes topics and schemas. Where a run goes on, the journey's clock goes on from where it was when the run was
/// last heard of: a sandbox of several processes lets it pass while nothing runs, and promises would be too late.
pub(super) async fn prepare(world: &World, cluster: &Cluster, last_heard: Option<Timestamp>) {
    world.make_topics().await;
    world.migrate().await;
    let Some(last_heard) = last_heard else { return };
    // The run lived at most so long after its last note.
    let stopped = last_heard.plus(TALLY_INTERVAL + Duration::from_secs(1));
    let stand_still =
        "update sandbox.clock set journey_anchor = journey_anchor + speed * ($1 - wall_base), wall_base = $2
        where wall_base < $1 and $1 < $2";
    let mut connection = connect(cluster).await;
    let asked = sqlx::query(stand_still).bind(stopped.0).bind(world.now().0);
    asked.execute(&mut connection).await.unwrap();
}

/// The touchpoints of calls that wait for a person, one a line.
pub(super) async fn doubts(cluster: &Cluster) -> String {
    let states = AttemptState::WORDS.iter().filter(|(state, _)| state.waits_for_a_person());
    let words: Vec<&str> = states.map(|(_, word)| *word).collect();
    let ask = "select touchpoint::text from dispatcher.attempt where state = any($1)";
    let asked = sqlx::query_scalar::<_, String>(ask).bind(words);
    asked.fetch_all(&mut connect(cluster).await).await.unwrap().join("\n")
}

/// Since when each of these touchpoints stands in the dispatcher's rows.
pub(super) async fn received(cluster: &Cluster, touchpoints: Vec<String>) -> Vec<(String, Timestamp)> {
    let ask = "select id::text, received_at from dispatcher.touchpoint where id::text = any($1)";
    let asked = sqlx::query_as::<_, (String, i64)>(ask).bind(touchpoints);
    let rows = asked.fetch_all(&mut connect(cluster).await).await.unwrap();
    rows.into_iter().map(|(touchpoint, at)| (touchpoint, Timestamp(at))).collect()
}

/// Whether no role has an event left to publish.
pub(super) async fn all_published(cluster: &Cluster) -> bool {
    let ask = "select not exists (select from ingest.outbox union all select from engine.outbox
               union all select from dispatcher.outbox)";
    sqlx::query_scalar(ask).fetch_one(&mut connect(cluster).await).await.unwrap()
}

async fn connect(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(&cluster.database).await.unwrap()
}
