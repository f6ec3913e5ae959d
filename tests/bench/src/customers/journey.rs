//! The shipped journey, sending at another time of the day.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use afterglow_journey::Checked;
use anyhow::{anyhow, ensure};

use crate::product::shipped_journey;

/// The line of the shipped journey that differs.
const SEND_AT: &str = r#"send_at: "09:30""#;

/// The journey's file name.
const FILE: &str = "first-90-days.yaml";

/// Checked, as it would be published.
pub(crate) fn checked(send_at: &str) -> anyhow::Result<Checked> {
    let (source, texts) = read(send_at)?;
    afterglow_journey::load(FILE, &source, &texts)
        .map_err(|findings| anyhow!(afterglow_journey::render(&findings)))
}

/// As files in a folder: the path of the journey.
pub(crate) fn write(folder: &Path, send_at: &str) -> anyhow::Result<PathBuf> {
    let (source, texts) = read(send_at)?;
    for (name, text) in texts {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    let path = folder.join(FILE);
    std::fs::write(&path, source)?;
    Ok(path)
}

/// The journey and its texts by name.
fn read(send_at: &str) -> anyhow::Result<(String, BTreeMap<String, String>)> {
    let path = shipped_journey();
    let folder = path.parent().unwrap_or(Path::new("."));
    let shipped = std::fs::read_to_string(&path)?;
    ensure!(shipped.contains(SEND_AT), "the shipped journey has no line {SEND_AT}");
    let source = shipped.replace(SEND_AT, &format!(r#"send_at: "{send_at}""#));
    let mut texts = BTreeMap::new();
    for part in ["mails", "tasks"] {
        for entry in std::fs::read_dir(folder.join(part))? {
            let entry = entry?;
            let name = format!("{part}/{}", entry.file_name().to_string_lossy());
            texts.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok((source, texts))
}
