//! The texts that come with the program: those which no journey file names.

/// The name of the task about a gift that is paid for and was not handed over.
pub(crate) const GIFT_NOT_HANDED_OVER: &str = "built-in/gift-not-handed-over.md";

/// A text that comes with the program; `None` for the journey's own.
pub fn built_in(name: &str) -> Option<&'static str> {
    (name == GIFT_NOT_HANDED_OVER).then_some(include_str!("texts/gift-not-handed-over.md"))
}

#[cfg(test)]
mod tests {
    use afterglow_templates::{Kind, Template, check};

    #[test]
    fn the_built_in_texts_are_right() {
        let text = super::built_in(super::GIFT_NOT_HANDED_OVER).unwrap();
        let template = Template::parse(super::GIFT_NOT_HANDED_OVER, text).unwrap();
        assert_eq!(check(&template, Kind::Task), []);
        assert_eq!(super::built_in("tasks/add-a-contact.md"), None);
    }
}
