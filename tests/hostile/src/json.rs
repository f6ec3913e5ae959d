//! 31–45: authentic JSON that is not what it should be.

use afterglow_support::{Webhook, World};
use serde_json::json;

use crate::case::Case;

/// The cases.
pub const CASES: &[Case] = &[
    Case::kept(31, "an empty body", |world| signed(world, "")),
    Case::kept(31, "a truncated array", |world| signed(world, &format!("[{}", event("100")))),
    Case::kept(31, "bytes behind the array", |world| signed(world, &format!("[{}] x", event("100")))),
    Case::kept(32, "two hundred levels", |world| {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        signed(world, &format!("[{}]", with("x", &deep)))
    }),
    Case::kept(33, "a key twice", |world| signed(world, &format!("[{}]", with("objectId", "7")))),
    Case::taken(34, "a byte order mark", |world| signed(world, &format!("\u{feff}[{}]", event("100"))), 1),
    Case::kept(34, "UTF-16", |world| {
        let wide: Vec<u8> = format!("[{}]", event("100")).encode_utf16().flat_map(u16::to_le_bytes).collect();
        raw(world, wide)
    }),
    Case::kept(34, "an overlong sequence", |world| {
        let mut body = format!("[{}]", with("x", "\"~~\"")).into_bytes();
        let at = body.iter().position(|byte| *byte == b'~').unwrap();
        body[at..at + 2].copy_from_slice(b"\xc0\xaf");
        raw(world, body)
    }),
    Case::kept(34, "a lone surrogate", |world| signed(world, &format!("[{}]", with("x", "\"\\ud800\"")))),
    Case::kept(35, "NaN", |world| signed(world, &format!("[{}]", with("x", "NaN")))),
    Case::kept(35, "1e400", |world| signed(world, &format!("[{}]", with("x", "1e400")))),
    Case::taken(
        36,
        "an id of thirty digits",
        |world| signed(world, &format!("[{}]", event("123456789012345678901234567890"))),
        1,
    ),
    Case::taken(
        37,
        "an amount of ten to the twelve",
        |world| {
            let amount = event("100").replace("\"dealstage\"", "\"amount\"").replace("\"closedwon\"", "1e12");
            signed(world, &format!("[{amount}]"))
        },
        1,
    ),
    Case::taken(
        38,
        "a NUL in a text",
        |world| signed(world, &format!("[{}]", with("x", "\"a\\u0000b\""))),
        1,
    ),
    Case::taken(
        39,
        "an unknown type of event",
        |world| {
            signed(world, &format!("[{}]", event("100").replace("deal.propertyChange", "deal.somethingNew")))
        },
        1,
    ),
    Case::taken(
        39,
        "an unknown object",
        |world| {
            signed(world, &format!("[{}]", event("100").replace("deal.propertyChange", "ticket.creation")))
        },
        1,
    ),
    Case::taken(
        39,
        "an unknown field",
        |world| signed(world, &format!("[{}]", with("fromTomorrow", "[1,{}]"))),
        1,
    ),
    Case::kept(40, "no deal id", |world| {
        signed(world, &format!("[{}]", event("100").replace("\"objectId\"", "\"noObjectId\"")))
    }),
    Case::kept(40, "an id that is none", |world| signed(world, &format!("[{}]", event("\"../../etc\"")))),
    Case::taken(
        41,
        "a hundred events, one of them broken",
        |world| {
            let mut events: Vec<String> = (0..99).map(|n| event(&(500 + n).to_string())).collect();
            events.insert(50, "{\"objectId\":tru}".to_owned());
            signed(world, &format!("[{}]", events.join(",")))
        },
        99,
    )
    .storing(99, 1),
    Case::taken(
        42,
        "a hundred and one events",
        |world| {
            let events: Vec<String> = (0..101).map(|n| event(&(700 + n).to_string())).collect();
            signed(world, &format!("[{}]", events.join(",")))
        },
        101,
    ),
    Case::refused(
        42,
        "a hundred thousand elements",
        |world| signed(world, &format!("[{}]", vec!["{\"objectId\":1}"; 100_000].join(","))),
        413,
    ),
    Case::taken(
        43,
        "one event id, two bodies",
        |world| {
            let other = event("100").replace("closedwon", "closedlost");
            signed(world, &format!("[{},{other}]", event("100")))
        },
        2,
    ),
    Case::taken(45, "an event of 1970", |world| occurred(world, "0"), 1),
    Case::taken(45, "an event of 2099", |world| occurred(world, "4070908800000"), 1),
    Case::taken(45, "a time in seconds", |world| occurred(world, "1700000000"), 1),
    Case::taken(45, "a time that no calendar knows", |world| occurred(world, "9223372036854775807"), 1),
];

/// HubSpot's event "this deal is won", for a deal that its CRM does not have.
pub fn event(id: &str) -> String {
    json!({
        "eventId": 1, "subscriptionId": 25, "portalId": 24801, "appId": 1_160_452,
        "occurredAt": 1_700_000_000_000_i64, "subscriptionType": "deal.propertyChange", "attemptNumber": 0,
        "objectId": "@", "propertyName": "dealstage", "propertyValue": "closedwon", "changeSource": "CRM_UI",
    })
    .to_string()
    .replace("\"@\"", id)
}

/// An event with one more field, as it is written.
fn with(name: &str, value: &str) -> String {
    let event = event("100");
    format!("{},\"{name}\":{value}}}", event.strip_suffix('}').unwrap())
}

fn occurred(world: &World, at: &str) -> Vec<u8> {
    signed(world, &format!("[{}]", event("100").replace("1700000000000", at)))
}

fn signed(world: &World, body: &str) -> Vec<u8> {
    raw(world, body.as_bytes().to_vec())
}

fn raw(world: &World, body: Vec<u8>) -> Vec<u8> {
    world.sign(&Webhook::hubspot(body)).to_bytes()
}
