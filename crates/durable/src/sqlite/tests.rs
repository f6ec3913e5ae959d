//! The conformance suite on files, and what only files can do wrong.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::conformance::{self, Fixture};

struct Files {
    folder: TempDir,
    next: AtomicUsize,
}

impl Files {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), next: AtomicUsize::new(0) }
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.db"))
    }
}

impl Fixture for Files {
    type Store = Store;

    async fn fresh(&self, faults: CommitFaults) -> Store {
        let path = self.path(self.next.fetch_add(1, Ordering::SeqCst));
        Store::open_with_faults(&path, &[], faults).await.unwrap()
    }

    async fn reopened(&self, store: Store) -> Store {
        drop(store);
        let path = self.path(self.next.load(Ordering::SeqCst) - 1);
        Store::open(&path, &[]).await.unwrap()
    }
}

#[tokio::test]
async fn conforms() {
    conformance::all(&Files::new()).await;
}

const ROLE: &[Migration] = &[
    Migration::new(1, "create table thing (id integer primary key)"),
    Migration::new(2, "alter table thing add column name text"),
];

#[tokio::test]
async fn a_schema_goes_forward_and_a_newer_one_is_refused() {
    let files = Files::new();
    let path = files.path(0);
    drop(Store::open(&path, &ROLE[..1]).await.unwrap());
    let store = Store::open(&path, ROLE).await.unwrap();
    sqlx::query("select name from thing").fetch_all(store.readers()).await.unwrap();
    drop(store);
    let Err(error) = Store::open(&path, &ROLE[..1]).await else { panic!("a newer file was opened") };
    assert!(error.to_string().contains("has schema version 2, this program knows 1"), "{error}");
}

#[tokio::test]
async fn readers_cannot_write() {
    let files = Files::new();
    let store = Store::open(&files.path(0), ROLE).await.unwrap();
    let refused = sqlx::query("insert into thing (id) values (1)").execute(store.readers()).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn disarming_a_page_uses_the_key() {
    let files = Files::new();
    let store = Store::open(&files.path(0), &[]).await.unwrap();
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "explain query plan delete from timer
         where (timeline, shard, due_at, owner, key) in (values (1, 2, 3, x'00', 4), (1, 2, 3, x'01', 4))",
    )
    .fetch_all(store.readers())
    .await
    .unwrap();
    let text: Vec<String> = plan.into_iter().map(|(_, _, _, detail)| detail).collect();
    let searches = |line: &String| line.starts_with("SEARCH timer USING PRIMARY KEY");
    assert!(text.iter().any(searches), "{text:?}");
}

#[tokio::test]
async fn letters_are_read_beside_the_product() {
    let files = Files::new();
    let store = files.fresh(CommitFaults::default()).await;
    let readers = open_read_only(&files.path(0)).await.unwrap();
    conformance::letters::are_read(&store, &readers).await;
}
