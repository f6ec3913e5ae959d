//! The engine's rules, each on both stores.

mod crashes;
mod deals;
mod explains;
mod forgets;
mod merges;
mod ninety_days;
mod shuffles;
mod unreached;
mod versions;

/// Runs an `async fn(World<S>)` of this module on the model and on SQLite.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::scene::world_in_memory(Default::default()).await).await;
            })+
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (_folder, world) = crate::scene::world_on_sqlite(Default::default()).await;
                super::$name(world).await;
            })+
        }
    };
}

pub(crate) use on_both_stores;
