//! Rule 8: whom a moment is for.

use crate::definition::{Deed, Definition};
use crate::effect::To;
use crate::input::Contact;
use crate::state::State;

/// Whom the deed is for, or what stands in the way.
pub(super) fn addressee(definition: &Definition, state: &State, deed: &Deed) -> Result<To, String> {
    match deed {
        Deed::Task { .. } if state.owner_reachable => Ok(To::Owner),
        Deed::Task { .. } => Err("the deal has no owner who can be reached".to_owned()),
        Deed::Gift { .. } | Deed::Mail { .. } => recipient(definition, state).map(To::Contact),
    }
}

/// The first role that a contact has to whom nothing is in the way; after a gift, nobody but its
/// recipient. Among several with the same role the smallest id, because CRMs list them in no fixed order.
fn recipient(definition: &Definition, state: &State) -> Result<String, String> {
    if let Some(first) = &state.gift_contact {
        let known = state.contacts.iter().find(|contact| contact.id == *first);
        let why = match known.map(|contact| state.obstacle_of(contact)) {
            Some(None) => return Ok(first.clone()),
            Some(Some(obstacle)) => obstacle.to_string(),
            None => "is not in the deal any more".to_owned(),
        };
        return Err(format!("the contact who received a gift {why}, and nobody else takes over silently"));
    }
    let free = |contact: &&Contact| state.obstacle_of(contact).is_none();
    let found = definition.recipient.iter().find_map(|role| first_of(state, role, free));
    found.map(|contact| contact.id.clone()).ok_or_else(|| nobody(definition, state))
}

fn first_of<'a>(state: &'a State, role: &str, fits: impl Fn(&&Contact) -> bool) -> Option<&'a Contact> {
    let able = state.contacts.iter().filter(|contact| contact.roles.iter().any(|of_it| of_it == role));
    able.filter(fits).min_by_key(|contact| &contact.id)
}

/// Why nobody can be written to: the first who could be is named by the role, never by the name.
fn nobody(definition: &Definition, state: &State) -> String {
    let roles = definition.recipient.join(" or ");
    let why = definition.recipient.iter().find_map(|role| {
        let contact = first_of(state, role, |_| true)?;
        let obstacle = state.obstacle_of(contact)?;
        Some(format!(": the {} {obstacle}", role.replace('_', " ")))
    });
    format!("the deal has no reachable contact who is {roles}{}", why.unwrap_or_default())
}
