//! Tables that follow from the code.

use std::collections::BTreeMap;
use std::fs;

use afterglow_architecture::LAYERS;
use afterglow_events::{Body, Topic};
use afterglow_journey::Severity;
use afterglow_service::config::Code;
use afterglow_service::exit::Exit;

use crate::document::{assert_table, read, root, rows};

fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

#[test]
fn layers_are_those_of_the_architecture_test() {
    let table = rows("crates/README.md", "layers");
    let found: Vec<(&str, u8)> = table.iter().map(|row| (row[1].as_str(), row[0].parse().unwrap())).collect();
    assert_eq!(found, LAYERS, "crates/README.md and tests/architecture/layers.rs differ");
    assert!(table.iter().all(|row| !row[2].is_empty()), "a crate has no purpose");
}

#[test]
fn topics_are_those_of_the_contract() {
    let table = rows("proto/README.md", "topics");
    let found: Vec<(&str, bool)> = table.iter().map(|row| (row[0].as_str(), row[3] == "yes")).collect();
    let known: Vec<(&str, bool)> = Topic::ALL.iter().map(|topic| (topic.name(), topic.public())).collect();
    assert_eq!(found, known);
}

#[test]
fn types_are_those_of_the_contract() {
    let row = |(name, topic, message): &(&str, Topic, &str)| vec![code(name), code(topic), code(message)];
    let rows: Vec<_> = Body::TYPES.iter().map(row).collect();
    assert_table("proto/README.md", "types", &["`ce_type`", "topic", "message"], &rows);
}

#[test]
fn identity_vectors_are_the_tested_ones() {
    let vectors = read("crates/events/src/identity_vectors.txt");
    let found: Vec<String> = rows("proto/README.md", "vectors")
        .into_iter()
        .filter_map(|row| row.into_iter().next_back())
        .collect();
    assert_eq!(found, vectors.lines().collect::<Vec<_>>());
    let namespace = code(afterglow_events::identity::NAMESPACE);
    assert!(
        read("proto/README.md").contains(&namespace),
        "proto/README.md does not name the namespace {namespace}"
    );
}

#[test]
fn error_codes_are_those_of_the_program() {
    let configuration = Code::ALL.iter().map(|code| (code.to_string(), code.cause(), code.remedy()));
    let roles = [
        afterglow_ingest::codes::CODES,
        afterglow_journey_engine::codes::CODES,
        afterglow_dispatcher::codes::CODES,
        afterglow::codes::CODES,
    ];
    let roles =
        roles.into_iter().flatten().map(|(code, cause, remedy)| ((*code).to_owned(), *cause, *remedy));
    let row =
        |(name, cause, remedy): (String, &str, &str)| vec![code(name), cause.to_owned(), remedy.to_owned()];
    let rows: Vec<_> = configuration.chain(roles).map(row).collect();
    assert_table("deploy/README.md", "codes", &["code", "cause", "what to do"], &rows);
}

#[test]
fn findings_are_those_of_the_linter() {
    let row = |(name, severity, meaning): &(&str, Severity, &str)| {
        vec![code(name), severity.as_str().to_owned(), (*meaning).to_owned()]
    };
    let rows: Vec<_> = afterglow_journey::CODES.iter().map(row).collect();
    assert_table("deploy/README.md", "findings", &["code", "kind", "meaning"], &rows);
}

#[test]
fn template_variables_are_those_of_the_checker() {
    let row = |(name, meaning): &(&str, &str)| vec![code(name), (*meaning).to_owned()];
    let rows: Vec<_> = afterglow_templates::KNOWN.iter().map(row).collect();
    assert_table("deploy/README.md", "variables", &["variable", "what it is"], &rows);
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let known = [
        Exit::Ok,
        Exit::Findings,
        Exit::Config,
        Exit::Unavailable,
        Exit::Internal,
        Exit::CannotCreate,
        Exit::Locked,
    ];
    let found: Vec<u8> =
        rows("deploy/README.md", "exits").iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(found, known.map(Exit::code));
}

/// The metrics' constants with their doc comments, file by file.
#[test]
fn metrics_are_those_of_the_sources() {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        for name in ["src/metric.rs", "src/metric_names.rs"] {
            let path = entry.as_ref().unwrap().path().join(name);
            found.extend(fs::read_to_string(path).map(|text| constants(&text)).unwrap_or_default());
        }
    }
    assert!(found.len() > 20, "the metrics were not found");
    let rows: Vec<_> = found.into_iter().map(|(name, meaning)| vec![code(name), meaning]).collect();
    assert_table("deploy/README.md", "metrics", &["metric", "what it counts"], &rows);
}

fn constants(text: &str) -> Vec<(String, String)> {
    let (mut doc, mut found) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("/// ") {
            doc.push(comment);
        } else {
            let value = line.strip_prefix("pub const ").and_then(|rest| rest.split('"').nth(1));
            found.extend(value.map(|value| (value.to_owned(), doc.join(" "))));
            doc.clear();
        }
    }
    found
}

/// What the root manifest says of each library, and the README's table of them.
#[test]
fn dependencies_are_those_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let line = |line: &str| {
        let (name, rest) = line.split_once(" = ").filter(|(name, _)| !name.starts_with(['#', ' ']))?;
        (!name.starts_with("afterglow"))
            .then(|| (name.to_owned(), rest.split(" # ").nth(1).map(str::to_owned)))
    };
    let known: Vec<(String, Option<String>)> = section.lines().filter_map(line).collect();
    assert!(known.len() > 40, "the manifest was not understood");
    let table = rows("README.md", "dependencies");
    let names: Vec<&str> = table.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for (row, (name, why)) in table.iter().zip(&known) {
        assert!(!row[1].is_empty(), "README.md does not say why {name} is there");
        let plain = row[1].replace('`', "");
        assert!(
            why.as_ref().is_none_or(|why| plain == why.replace('`', "")),
            "{name}: README.md and Cargo.toml give different reasons"
        );
    }
}
