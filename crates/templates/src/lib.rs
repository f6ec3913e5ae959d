//! Mail and task texts: `Subject:`, an empty line, plain paragraphs with `[text](url)` links and
//! `{{ variables }}`.
//!
//! A text is checked when a journey is published ([`check`]) and rendered once, by whoever sends it.
//! Invariants: a variable that is missing or empty is an error and never a gap ("Hi ,"); a value never
//! becomes markup, a link or a second header line. Deliberately absent: statements, includes, macros,
//! so that every variable a file names is needed by every mail made from it; tracking of any kind.

mod check;
mod markup;
mod template;

pub use check::{KNOWN, Kind, Problem, check};
pub use template::{Error, Rendered, Template};
