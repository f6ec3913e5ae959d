//! Names that are kept once: a long run has millions of records about the same deals and touchpoints.

use std::collections::HashSet;
use std::sync::Arc;

/// The text of a deal's key, a moment's id or a touchpoint's id.
pub type Name = Arc<str>;

/// Every name that was heard.
#[derive(Debug, Default)]
pub struct Names(HashSet<Name>);

impl Names {
    /// The name of this text: the same one each time.
    pub fn of(&mut self, text: &str) -> Name {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let name = Name::from(text);
        self.0.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        let first = names.of("welcome");
        assert!(Arc::ptr_eq(&first, &names.of("welcome")));
        assert_ne!(first, names.of("value-1"));
    }
}
