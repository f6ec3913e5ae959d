//! What one reading of a configuration collects on its way through the sections.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::problem::{Place, Problem};

/// What one reading of a configuration collects.
pub(super) struct Reading<'a> {
    pub(super) file: &'a Path,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<Problem>>,
    /// Every host that is named, for the checks that span sections.
    pub(super) outbound: RefCell<Vec<Outbound>>,
    /// Every setting that exists, entries of lists without their number: `connection[].zone`.
    pub(super) known: RefCell<BTreeSet<String>>,
}

/// A server that the product would call, or its own address as others see it.
pub(super) struct Outbound {
    pub(super) host: String,
    pub(super) encrypted: bool,
    pub(super) place: Place,
    pub(super) field: String,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a Path, env: &'a BTreeMap<String, String>) -> Self {
        Self {
            file,
            env,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            outbound: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// A path of the file, which is relative to the folder that the file is in.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}
