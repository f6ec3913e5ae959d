//! Rows that are only ever added, in memory and, if wanted, in a file with one JSON document a line.
//!
//! A row is in the file before it is in memory, hence before anybody is told of it. Not synced to the
//! disk: it has to survive the death of a process, not of the machine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// More rows than any demo or test makes; beyond it a row is refused rather than memory filled.
const ROWS_MAX: usize = 200_000;

/// More rows than a long fault run makes, whose rows are small.
const BULK_ROWS_MAX: usize = 20_000_000;

pub(crate) struct Journal<T> {
    rows: Vec<T>,
    rows_max: usize,
    file: Option<File>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Reads what is there. A last line without its end was being written when the process died:
    /// nobody was told of it, and it is cut off.
    pub(crate) fn open(path: Option<&Path>, bulk: bool) -> io::Result<Self> {
        let rows_max = if bulk { BULK_ROWS_MAX } else { ROWS_MAX };
        let Some(path) = path else { return Ok(Self { rows: Vec::new(), rows_max, file: None }) };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(named)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(named)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(named)?;
        file.seek(SeekFrom::End(0)).map_err(named)?;
        let mut rows = Vec::new();
        for (n, line) in text[..whole].lines().enumerate() {
            let row = serde_json::from_str(line).map_err(|_| {
                let remedy = "is not a row of the sandbox; move the file away to start empty";
                io::Error::new(io::ErrorKind::InvalidData, format!("{}:{}: {remedy}", path.display(), n + 1))
            })?;
            rows.push(row);
        }
        Ok(Self { rows, rows_max, file: Some(file) })
    }

    pub(crate) fn append(&mut self, row: T) -> io::Result<()> {
        if self.rows.len() >= self.rows_max {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "the sandbox is full; start it with an empty folder",
            ));
        }
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&row)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        self.rows.push(row);
        Ok(())
    }

    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_and_a_torn_one_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut journal = Journal::open(Some(&path), false).unwrap();
        journal.append("one".to_owned()).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\"tw").unwrap();
        let mut journal = Journal::<String>::open(Some(&path), false).unwrap();
        assert_eq!(journal.rows(), ["one"]);
        journal.append("three".to_owned()).unwrap();
        assert_eq!(Journal::<String>::open(Some(&path), false).unwrap().rows(), ["one", "three"]);
        std::fs::write(&path, "\"one\"\n{]\n").unwrap();
        let error = Journal::<String>::open(Some(&path), false).err().unwrap().to_string();
        assert!(error.contains("rows.jsonl:2:"), "{error}");
    }
}
