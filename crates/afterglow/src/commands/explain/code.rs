//! The pages of the error codes, from each part's own table.

/// The tables of the roles: code, cause, remedy.
const TABLES: [&[(&str, &str, &str)]; 4] = [
    afterglow_ingest::codes::CODES,
    afterglow_journey_engine::codes::CODES,
    afterglow_dispatcher::codes::CODES,
    crate::codes::CODES,
];

/// Whether a text looks like a code: `AG` and four digits.
pub(super) fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix("AG").or_else(|| text.strip_prefix("ag"));
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The page of a code; `None` where no table has it.
pub(super) fn page(text: &str) -> Option<String> {
    let role = TABLES.iter().copied().flatten().find(|(code, _, _)| code.eq_ignore_ascii_case(text));
    match role {
        Some((code, cause, remedy)) => Some(format!("{code}\nCause:  {cause}\nRemedy: {remedy}")),
        None => afterglow_service::config::explain(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_its_page_and_its_own_number() {
        let mut seen = BTreeSet::new();
        for (code, cause, remedy) in TABLES.iter().copied().flatten() {
            assert!(is_code(code), "{code}");
            assert!(seen.insert(code), "{code} is given twice");
            assert!(!cause.is_empty() && !remedy.is_empty(), "{code}");
            assert!(page(code).is_some());
        }
        assert!(page("AG0007").is_some());
        assert_eq!(page("AG9999"), None);
        assert!(!is_code("Agfa1234"));
    }
}
