//! Contact roles in one spelling, whatever the CRM's administrators typed.

use crate::snapshot::Contact;

/// The role of the contact to whom mail goes unless somebody more fitting is known.
pub(crate) const PRIMARY_CONTACT: &str = "primary_contact";

/// A label in small letters with underscores: `Decision Maker` is `decision_maker`; a bare `Primary`
/// is `primary_contact`. `None` where no letter or digit is left.
pub(crate) fn slug(label: &str) -> Option<String> {
    let mut slug = String::with_capacity(label.len());
    for c in label.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    let slug = slug.trim_end_matches('_');
    match slug {
        "" => None,
        "primary" => Some(PRIMARY_CONTACT.to_owned()),
        role => Some(role.to_owned()),
    }
}

/// Sorts contacts and their roles, so that equal records give equal snapshots, and calls the only
/// contact of a deal its primary one.
pub(crate) fn settle(mut contacts: Vec<Contact>) -> Vec<Contact> {
    if let [only] = contacts.as_mut_slice()
        && !only.roles.iter().any(|role| role == PRIMARY_CONTACT)
    {
        only.roles.push(PRIMARY_CONTACT.to_owned());
    }
    for contact in &mut contacts {
        contact.roles.sort_unstable();
        contact.roles.dedup();
    }
    // Shorter ids first: HubSpot's are numbers without leading zeros.
    contacts.sort_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
    contacts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_role() {
        for (label, role) in [
            ("Decision maker", "decision_maker"),
            ("DECISION_MAKER", "decision_maker"),
            (" Champion ", "champion"),
            ("Economic Decision-Maker", "economic_decision_maker"),
            ("Primary", "primary_contact"),
            ("Entscheider (Käufer)", "entscheider_käufer"),
        ] {
            assert_eq!(slug(label).as_deref(), Some(role));
        }
        assert_eq!(slug(" – "), None);
    }
}
