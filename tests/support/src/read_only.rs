//! A disk that becomes read-only under a running product, and is writable again later.
//!
//! The kernel refuses to remount what is open for writing, and its own way there (an error of the disk)
//! needs a disk of one's own. So a small library stands between the product and the C library, and gives
//! the kernel's answer; it needs no privilege, and root is answered like everybody else.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/read_only.c");

/// The switch.
#[derive(Debug)]
pub struct ReadOnlyDisk {
    folder: TempDir,
}

impl ReadOnlyDisk {
    /// Builds the library, with the C compiler that the product needs, too. The disk is writable.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder };
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", SOURCE, "-ldl", "-o"]);
        let built = compiler.arg(disk.library()).status();
        assert!(built.expect("the C compiler `cc` is there").success(), "{SOURCE} does not compile");
        disk
    }

    /// What the product's environment must have.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![("LD_PRELOAD", text(self.library())), ("READ_ONLY_WHILE", text(self.switch()))]
    }

    /// From now on nothing can be written.
    pub fn freeze(&self) {
        File::create(self.switch()).unwrap();
    }

    /// From now on everything can be written again.
    pub fn thaw(&self) {
        fs::remove_file(self.switch()).unwrap();
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("read_only.so")
    }

    fn switch(&self) -> PathBuf {
        self.folder.path().join("frozen")
    }
}

impl Default for ReadOnlyDisk {
    fn default() -> Self {
        Self::new()
    }
}
