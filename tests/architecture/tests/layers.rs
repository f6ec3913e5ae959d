//! Arrows point down, heavy libraries stay at home, files stay readable.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use afterglow_architecture::{FILE_LINES_MAX, HOMES, LAYERS};
use toml::Table;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The manifests of all crates of one folder.
fn manifests(folder: &str) -> Vec<(String, Table)> {
    let folders = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let manifests = folders.map(|path| path.join("Cargo.toml")).filter(|path| path.exists());
    let read = |path: PathBuf| -> Table { fs::read_to_string(path).unwrap().parse().unwrap() };
    let named = |table: Table| (table["package"]["name"].as_str().unwrap().to_owned(), table);
    manifests.map(read).map(named).collect()
}

fn dependencies<'a>(manifest: &'a Table, section: &str) -> impl Iterator<Item = &'a str> {
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(listed, _)| *listed == name).map(|(_, layer)| *layer)
}

#[test]
fn every_crate_has_a_layer() {
    let found = manifests("crates");
    for (name, _) in &found {
        assert!(layer(name).is_some(), "{name} is not in the layer table");
    }
    assert_eq!(found.len(), LAYERS.len(), "the layer table lists a crate that is not there");
}

#[test]
fn arrows_point_down() {
    for (name, manifest) in manifests("crates") {
        let own = layer(&name).unwrap();
        for section in ["dependencies", "build-dependencies"] {
            for dependency in dependencies(&manifest, section).filter_map(|name| Some((name, layer(name)?))) {
                assert!(
                    dependency.1 < own,
                    "{name} (layer {own}) depends on {} (layer {})",
                    dependency.0,
                    dependency.1
                );
            }
        }
    }
}

#[test]
fn heavy_libraries_stay_at_home() {
    for (name, manifest) in manifests("crates") {
        for dependency in dependencies(&manifest, "dependencies") {
            let home = HOMES.iter().find(|(library, _)| *library == dependency);
            let Some((library, crates)) = home else { continue };
            assert!(crates.contains(&name.as_str()), "{name} depends on {library}, whose home is {crates:?}");
        }
    }
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    for (name, manifest) in manifests("crates").into_iter().chain(manifests("tests")) {
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{name}: [lints] workspace = true");
    }
}

#[test]
fn files_stay_readable() {
    let mut sources = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 50, "the sources were not found");
    for path in sources {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines, at most {FILE_LINES_MAX} are allowed",
            path.display()
        );
        assert_ne!(path.file_name().unwrap(), "mod.rs", "{}: use foo.rs beside foo/", path.display());
    }
}

/// A prepared statement whose result has another form than before fails on its connection for ever, and a schema
/// expands under roles that go on: what they ask names its columns. The checkers of tests may take everything.
#[test]
fn statements_on_postgres_name_their_columns() {
    let mut sources = Vec::new();
    collect(&root().join("crates"), &mut sources);
    let live = |path: &PathBuf| {
        let path = path.strip_prefix(root()).unwrap().to_string_lossy();
        path.contains("postgres") && !["/tests/", "/query/", "/scene/"].iter().any(|part| path.contains(part))
    };
    let live: Vec<PathBuf> = sources.into_iter().filter(live).collect();
    assert!(live.len() > 20, "the stores were not found");
    for path in live {
        let source = fs::read_to_string(&path).unwrap();
        let asked = source.split("feature = \"conformance\"").next().unwrap();
        for from in asked.split("select * from ").skip(1) {
            assert!(from.starts_with("unnest("), "{}: `select *` of a table", path.display());
        }
    }
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}
