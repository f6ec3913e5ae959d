//! Turns of the rates that all replicas of a role share.

use std::time::Duration;

use afterglow_rate::{Rate, Turns};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Store;
use crate::answer::answered;

/// Takes `$2` turns, `$3` microseconds from one to the next, by the database's clock when the row is locked;
/// gives how long it is until the first of them.
const TAKE: &str = concat!(
    "with clock as materialized (select ",
    now!(),
    " as now)
    insert into rate as r (name, next_at) select $1, now + $2 * $3 from clock
    on conflict (name) do update set next_at =
        greatest(r.next_at, ",
    now!(),
    ") + $2 * $3
    returning next_at - $2 * $3 - ",
    now!()
);

impl Turns for Store {
    fn take<'t>(&'t self, name: &'t str, rate: Rate, count: u32) -> BoxFuture<'t, Result<Duration, String>> {
        async move {
            let take = async {
                let until: i64 = sqlx::query_scalar(TAKE)
                    .bind(name)
                    .bind(i64::from(count))
                    .bind(i64::try_from(rate.interval().as_micros()).unwrap_or(i64::MAX))
                    .fetch_one(&self.pool)
                    .await?;
                Ok(until)
            };
            let until = answered(self, take).await.map_err(|error| error.to_string())?;
            let until = Duration::from_micros(u64::try_from(until).unwrap_or(0));
            Ok(until.saturating_sub(rate.tolerance()))
        }
        .boxed()
    }
}
