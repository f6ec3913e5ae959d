//! The process's exit codes, after BSD's `sysexits.h`, so that a supervisor can tell them apart.

use std::process::{ExitCode, Termination};

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked, or drained after a signal.
    Ok = 0,
    /// A linter found errors (1, as linters do).
    Findings = 1,
    /// The configuration, a journey file or an argument is wrong; nothing was started (64, `EX_USAGE`).
    Config = 64,
    /// Something that it needs is not there: a port, a server (69, `EX_UNAVAILABLE`).
    Unavailable = 69,
    /// A task failed, or did not stop within the deadline (70, `EX_SOFTWARE`).
    Internal = 70,
    /// A folder or file cannot be created or written (73, `EX_CANTCREAT`).
    CannotCreate = 73,
    /// Another process runs on the same data folder (75, `EX_TEMPFAIL`).
    Locked = 75,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}
