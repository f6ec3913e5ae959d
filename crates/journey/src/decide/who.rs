//! Rule 8: whom a moment is for.

use crate::definition::{Deed, Definition};
use crate::effect::To;
use crate::state::State;

/// Whom the deed is for, or what stands in the way.
pub(super) fn addressee(definition: &Definition, state: &State, deed: &Deed) -> Result<To, String> {
    match deed {
        Deed::Task { .. } if state.owner_reachable => Ok(To::Owner),
        Deed::Task { .. } => Err("the deal has no owner who can be reached".to_owned()),
        Deed::Gift { .. } | Deed::Mail { .. } => recipient(definition, state).map(To::Contact),
    }
}

/// The first role that a reachable contact has; after a gift, nobody but its recipient. Among several
/// with the same role the smallest id, because CRMs list them in no fixed order.
fn recipient(definition: &Definition, state: &State) -> Result<String, String> {
    if let Some(first) = &state.gift_contact {
        let reachable = state.contacts.iter().any(|contact| contact.id == *first && contact.reachable);
        return if reachable {
            Ok(first.clone())
        } else {
            Err("the contact who received a gift cannot be reached, and nobody else takes over silently"
                .into())
        };
    }
    let with_role = |role: &String| {
        let able = state.contacts.iter().filter(|contact| contact.reachable && contact.roles.contains(role));
        able.map(|contact| &contact.id).min()
    };
    let found = definition.recipient.iter().find_map(with_role);
    found.cloned().ok_or_else(|| {
        format!("the deal has no reachable contact who is {}", definition.recipient.join(" or "))
    })
}
