//! The default journey, carried in the program, so that the demo runs wherever the program is.

use std::path::Path;
use std::{fs, io};

macro_rules! carried {
    ($($name:literal),+ $(,)?) => {
        /// Name and text of every file of `deploy/journeys`.
        pub(super) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../deploy/journeys/", $name)))),+];
    };
}

carried! {
    "first-90-days.yaml",
    "mails/first-month-note.md",
    "mails/first-month.md",
    "mails/first-quarter-note.md",
    "mails/first-quarter.md",
    "mails/first-week-note.md",
    "mails/first-week.md",
    "mails/getting-started.md",
    "mails/how-is-it-going.md",
    "mails/how-others-use-it.md",
    "mails/join-the-community.md",
    "mails/tip-1.md",
    "mails/tip-2.md",
    "mails/welcome-note.md",
    "mails/welcome.md",
    "mails/your-next-quarter.md",
    "tasks/add-a-contact.md",
}

/// Writes the journey under `folder/journeys`.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join("journeys").join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_default_journey_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/journeys");
        let mut found = vec!["first-90-days.yaml".to_owned()];
        for folder in ["mails", "tasks"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                found.push(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        found.sort();
        let carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(carried, found);
    }
}
