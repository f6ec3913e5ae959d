//! The `afterglow` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    afterglow::cli::main_with(&afterglow::embedded::Plain)
}
