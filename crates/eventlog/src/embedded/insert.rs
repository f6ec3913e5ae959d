//! Rows in few statements: multi-row inserts of fixed sizes, so that each is prepared once.

use std::sync::LazyLock;

use sqlx::sqlite::SqliteConnection;

/// A record on its way into the file.
pub(super) struct Row {
    pub(super) topic: u16,
    pub(super) partition: u16,
    pub(super) offset: i64,
    pub(super) taken_at: i64,
    pub(super) key: Vec<u8>,
    pub(super) headers: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// How many rows a statement inserts, largest first. Eight times fewer statements per step, and the
/// largest stays far below SQLite's 32,766 parameters.
const SIZES: [usize; 3] = [64, 8, 1];

static STATEMENTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
    SIZES.map(|size| {
        let rows = vec!["(?,?,?,?,?,?,?)"; size].join(",");
        let columns = "topic, partition, offset, taken_at, key, headers, value";
        (size, format!("INSERT INTO record ({columns}) VALUES {rows}"))
    })
});

/// Inserts the rows; their bytes are moved, not copied.
pub(super) async fn insert(connection: &mut SqliteConnection, rows: Vec<Row>) -> Result<(), sqlx::Error> {
    let statements: &'static [(usize, String); 3] = &STATEMENTS;
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let fits = statements.iter().find(|(size, _)| *size <= rows.len());
        let (size, sql) = fits.expect("the smallest statement takes one row");
        let mut query = sqlx::query(sql.as_str());
        for row in rows.by_ref().take(*size) {
            query = query.bind(row.topic).bind(row.partition).bind(row.offset).bind(row.taken_at);
            query = query.bind(row.key).bind(row.headers).bind(row.value);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
