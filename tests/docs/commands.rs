//! The commands in the documents are run, and print what the documents say.
//!
//! In blocks marked `console`; what needs a running product is shown in blocks of another kind.

use std::path::PathBuf;
use std::process::Command;

use crate::document::{root, rows};

/// The secrets that deploy/afterglow.toml takes from the environment; worthless, and long enough.
const SECRETS: [&str; 8] = [
    "HUBSPOT_TOKEN",
    "HUBSPOT_CLIENT_SECRET",
    "SALESFORCE_CLIENT_SECRET",
    "SALESFORCE_PATH_TOKEN",
    "TREMENDOUS_API_KEY",
    "SMTP_PASSWORD",
    "UNSUBSCRIBE_KEY",
    "SUPPRESSION_KEY",
];

/// The product's program, beside the test's own: both are in the same target folder.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("afterglow");
    assert!(path.is_file(), "{} is not there: run `cargo build` first", path.display());
    path
}

#[test]
fn commands_print_what_the_documents_say() {
    let root = root();
    // Commands run where a reader of the root README stands.
    std::env::set_current_dir(&root).unwrap();
    let cases = trycmd::TestCases::new();
    cases.register_bin("afterglow", program().as_path());
    cases.env("COLUMNS", "100");
    for name in SECRETS {
        cases.env(name, "0123456789abcdef0123456789abcdef");
    }
    for document in ["README.md", "deploy/README.md", "proto/README.md"] {
        cases.case(root.join(document));
    }
}

#[test]
fn every_code_has_its_page() {
    let codes = rows("deploy/README.md", "codes");
    assert!(codes.len() > 20, "the table of codes was not found");
    for row in codes {
        let answer = Command::new(program()).args(["explain", &row[0]]).output().unwrap();
        let page = String::from_utf8(answer.stdout).unwrap();
        let told = answer.status.success() && row[1..].iter().all(|cell| page.contains(cell));
        assert!(told, "`afterglow explain {}` prints {page:?} and ends with {}", row[0], answer.status);
    }
}
