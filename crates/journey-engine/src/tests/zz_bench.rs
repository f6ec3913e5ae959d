use crate::scene::*;
use afterglow_durable::{turns, Timeline, Store};
use afterglow_domain::HomeKey;
#[tokio::test]
async fn bench() {
    let (_folder, mut world) = world_on_sqlite(Default::default()).await;
    world.dispatcher = Dispatcher::Dead;
    let n: usize = std::env::var("N").map(|n| n.parse().unwrap()).unwrap_or(20000);
    let t = std::time::Instant::now();
    let mut events = Vec::new();
    for i in 0..n {
        let mut deal = Deal::new(&format!("{i}"));
        deal.home = HomeKey::new(format!("acme/hubspot:33:{i}")).unwrap();
        events.push(deal.event(Kind::Won, 1));
    }
    for event in &events { world.feed_push(event); }
    while turns::consume_once(&world.engine, &world.store, world.feed()).await.unwrap() > 0 {}
    eprintln!("enrol {n}: {:?}", t.elapsed());
    for (d, label) in [(1, "welcome"), (2, "ask again"), (7, "gift")] {
        world.clock.set(day(d));
        let t = std::time::Instant::now();
        let mut fired = 0;
        loop {
            let f = turns::fire_due(&world.engine, &world.store, Timeline::Journey).await.unwrap();
            if f == 0 { break; }
            fired += f;
        }
        let s = t.elapsed().as_secs_f64();
        eprintln!("{label}: {fired} in {s:.2}s = {:.0}/s", fired as f64 / s);
    }
    let (tables, _) = (0,0);
    let _ = tables;
    let size: i64 = sqlx::query_scalar("select max(length(state)) from enrolment").fetch_one(world.store.readers()).await.unwrap();
    eprintln!("state {size} bytes");
    let _ = world.store.next_due(Timeline::Journey).await;
}
