//! The data folder: one running process at a time, readable by its owner only.
//!
//! The lock is the operating system's, on a file that names the holder; it is free again the moment
//! its process is gone, killed or not. Commands that only read take no lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::config::Code;
use crate::exit::Exit;

/// The lock's file, which holds the process id.
const LOCK: &str = "afterglow.lock";
/// Written at start and removed: less free space than this is a full disk.
const PROBE_BYTES: usize = 1 << 20;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process runs on it.
    #[error(
        "{} {} is in use by process {holder}; stop it or use another data_dir",
        Code::DataDirLocked, path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process id in the lock's file, or "unknown".
        holder: String,
    },
    /// It does not exist, and the command only reads.
    #[error("{} {} does not exist; start with: afterglow run", Code::DataDirUnusable, .0.display())]
    Absent(PathBuf),
    /// It cannot be created or opened.
    #[error("{} {} cannot be opened: {source}; it must belong to this user", Code::DataDirUnusable, path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It takes no writes.
    #[error("{} {} takes no writes: {source}; free space or remount it", Code::DataDirFull, path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The process's exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Locked { .. } => Exit::Locked,
            Self::Absent(_) => Exit::Unavailable,
            Self::Unusable { .. } | Self::NotWritable { .. } => Exit::CannotCreate,
        }
    }
}

/// An opened data folder. Dropping it frees the lock.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Held, not used; `None` for readers.
    _lock: Option<File>,
}

impl DataDir {
    /// Creates the folder where it is absent (mode 0700), locks it and makes sure that it can be
    /// written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let unusable = |source| match io::Error::kind(&source) {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull => {
                Error::NotWritable { path: path.to_owned(), source }
            }
            _ => Error::Unusable { path: path.to_owned(), source },
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let file = path.join(LOCK);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file);
        let mut lock = opened.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        sign(&mut lock)
            .and_then(|()| probe(path))
            .map_err(|source| Error::NotWritable { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens an existing folder for a command that only reads, beside a running process.
    pub fn open_read_only(path: &Path) -> Result<Self, Error> {
        match fs::read_dir(path) {
            Ok(_) => Ok(Self { path: path.to_owned(), _lock: None }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Absent(path.to_owned())),
            Err(source) => Err(Error::Unusable { path: path.to_owned(), source }),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

/// Writes and removes a file, down to the disk: full and read-only show here, not at the first deal.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join("probe");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_process_is_refused_by_name_and_readers_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        assert!(matches!(DataDir::open_read_only(&path), Err(Error::Absent(_))));
        let first = DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = DataDir::open(&path).unwrap_err();
        let expected = format!(
            "AG0020 {} is in use by process {}; stop it or use another data_dir",
            path.display(),
            std::process::id()
        );
        assert_eq!((refused.to_string(), refused.exit()), (expected, Exit::Locked));
        DataDir::open_read_only(&path).unwrap();
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_one_clear_line() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        fs::write(&path, "").unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert_eq!(refused.exit(), Exit::CannotCreate);
        assert!(refused.to_string().starts_with("AG0021 "), "{refused}");
        assert_eq!(refused.to_string().lines().count(), 1);
    }
}
