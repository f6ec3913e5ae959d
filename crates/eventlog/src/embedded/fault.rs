//! SQLite's errors in words that help: the file, what is wrong with it, what to do.

use std::path::Path;

use crate::error::Error;

/// The primary code is the low byte of the extended one (sqlite.org/rescode.html, "Result Codes").
const PRIMARY_CODE: i32 = 0xff;

/// What a failing statement means for the log: always that it is unavailable, never that it is broken
/// for good; the writer tries again with the next records.
pub(super) fn unavailable(path: &Path, error: &sqlx::Error) -> Error {
    let advice = match code(error) {
        Some(5 | 6) => "another process holds its write lock; stop that process",
        Some(8) => "it is read-only; check the mount and the file's permissions",
        // SQLite does not tell whether a write failed because the file system has just become read-only.
        Some(10) => "the disk reports an error or has become read-only; check the system's log and the mount",
        Some(11 | 26) => "it is damaged or no log; restore it from a copy",
        Some(13) => "the disk is full; make room, then it goes on by itself",
        Some(14) => "it cannot be opened; check the folder and its permissions",
        _ => "SQLite refused",
    };
    let cause = error.to_string().replace('\n', " ");
    Error::Unavailable(format!("{}: {advice} ({cause})", path.display()))
}

fn code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & PRIMARY_CODE)
}
