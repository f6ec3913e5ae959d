//! Every setting that the operator's manual names exists, with that spelling.

use std::collections::BTreeSet;

use crate::document::{ALL, code_spans, read};

/// The settings of `deploy/afterglow.toml`, those in comments (`#: `) included, as `http.listen`; an entry
/// of a list of tables counts as its table.
fn known() -> BTreeSet<String> {
    let (mut section, mut known) = (String::new(), BTreeSet::new());
    let sample = read("deploy/afterglow.toml");
    for line in sample.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)) {
        if let Some(header) = line.strip_prefix('[') {
            header.trim_matches(['[', ']']).clone_into(&mut section);
            known.insert(section.clone());
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            known.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    known
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a text in backticks is meant as a setting: dotted words, the first of them a section.
fn is_setting(span: &str, known: &BTreeSet<String>) -> bool {
    let Some((first, _)) = span.split_once('.') else { return false };
    let section = known.contains(first) || known.iter().any(|name| name.starts_with(&format!("{first}.")));
    let file = ["db", "md", "toml", "yaml", "rs"].iter().any(|end| span.ends_with(&format!(".{end}")));
    let variable = afterglow_templates::KNOWN.iter().any(|(name, _)| *name == span);
    section && span.split('.').all(is_key) && !file && !variable
}

#[test]
fn settings_named_in_documents_exist() {
    let known = known();
    assert!(known.contains("http.listen") && known.contains("clock.seconds_per_day"), "{known:?}");
    let mut count = 0;
    for document in ALL {
        for span in code_spans(&read(document)).iter().filter(|span| is_setting(span, &known)) {
            count += 1;
            assert!(
                known.contains(span),
                "{document} names the setting {span}, which deploy/afterglow.toml does not have"
            );
        }
    }
    assert!(count > 20, "only {count} settings were found");
}

/// The environment's spelling of a setting, `AFTERGLOW__HTTP__LISTEN`, names one too.
#[test]
fn overriding_variables_name_settings() {
    let known = known();
    for document in ALL {
        for span in code_spans(&read(document)).iter().filter_map(|span| span.strip_prefix("AFTERGLOW__")) {
            let words = span.split('=').next().unwrap_or_default().to_lowercase();
            let words = words.split("__").filter(|word| word.parse::<u32>().is_err());
            let name = words.collect::<Vec<_>>().join(".");
            assert!(
                known.contains(&name) || name.contains('…'),
                "{document}: AFTERGLOW__{span} names no setting"
            );
        }
    }
}
