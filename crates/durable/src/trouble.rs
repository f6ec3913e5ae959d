//! One line when a trouble begins and one when it ends: a full disk fails every loop several times a
//! second, and a log that fills the disk further helps nobody.

use std::sync::atomic::{AtomicBool, Ordering};

/// The standing of one loop or entrance.
#[derive(Debug)]
pub struct Trouble {
    role: &'static str,
    part: &'static str,
    code: &'static str,
    told: AtomicBool,
}

impl Trouble {
    /// No trouble yet; `part` says what stands still in it: "relay", "claims". `code` is the error's code,
    /// or empty.
    pub fn new(role: &'static str, part: &'static str, code: &'static str) -> Self {
        Self { role, part, code, told: AtomicBool::new(false) }
    }

    /// Takes in how the last try went; says so where that is news. Gives whether it was.
    pub fn tell(&self, problem: Option<&str>) -> bool {
        let news = self.told.swap(problem.is_some(), Ordering::Relaxed) != problem.is_some();
        match problem {
            Some(problem) if news => {
                tracing::warn!(
                    role = self.role,
                    part = self.part,
                    code = (!self.code.is_empty()).then_some(self.code),
                    problem,
                    "stands still; trying again until it goes on"
                );
            }
            None if news => tracing::info!(role = self.role, part = self.part, "goes on"),
            _ => {}
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_so_is_its_end() {
        let trouble = Trouble::new("test", "loop", "");
        let told = [None, Some("full"), Some("full"), Some("still full"), None, None, Some("full")];
        assert_eq!(told.map(|problem| trouble.tell(problem)), [false, true, false, false, true, false, true]);
    }
}
