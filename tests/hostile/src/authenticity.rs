//! 1–14: who is it?

use std::time::Duration;

use afterglow_crm::hubspot::signature::{LEGACY_HEADER, Request, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_support::settings::{
    OTHER_HUBSPOT, OTHER_SECRET, PREVIOUS_PATH_TOKEN, PREVIOUS_SECRET, SECRET,
};
use afterglow_support::{Delivery, Webhook, World};

use crate::case::Case;
use crate::{json, soap};

/// The cases.
pub const CASES: &[Case] = &[
    Case::refused(1, "no signature", |world| bytes(&good(world).without_header(V3_HEADER)), 401),
    Case::refused(1, "no timestamp", |world| bytes(&good(world).without_header(TIMESTAMP_HEADER)), 401),
    Case::refused(
        2,
        "a wrong signature of the right length",
        |world| signature(world, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        401,
    ),
    Case::refused(3, "an empty signature", |world| signature(world, ""), 401),
    Case::refused(3, "a signature that is no base64", |world| signature(world, "%%%not base64%%%"), 401),
    Case::refused(3, "a signature of 20 KB", |world| signature(world, &"A".repeat(20_000)), 401),
    Case::refused(3, "a signature of 64 KB", |world| signature(world, &"A".repeat(65_536)), 431),
    Case::refused(4, "eleven signatures, the last one right", |world| listed(world, 10), 401),
    Case::taken(4, "ten signatures, the last one right", |world| listed(world, 9), 1),
    Case::refused(5, "a timestamp of 301 s ago", |world| shifted(world, -301), 401),
    Case::refused(6, "a timestamp ten minutes ahead", |world| shifted(world, 600), 401),
    Case::refused(7, "a timestamp NaN", |world| timestamp(world, "NaN"), 401),
    Case::refused(7, "a timestamp of -1", |world| timestamp(world, "-1"), 401),
    Case::refused(7, "a timestamp of thirty digits", |world| timestamp(world, &"9".repeat(30)), 401),
    Case::refused(
        7,
        "a timestamp in seconds",
        |world| timestamp(world, &(world.now().as_millis() / 1000).to_string()),
        401,
    ),
    Case::taken(8, "the previous secret", |world| bytes(&by(world, PREVIOUS_SECRET)), 1),
    Case::taken(8, "the previous path token", |world| path_token(world, PREVIOUS_PATH_TOKEN), 1),
    Case::refused(
        8,
        "a secret from before both",
        |world| bytes(&by(world, "an-older-secret-of-the-app-00")),
        401,
    ),
    Case::refused(9, "another tenant's secret", |world| bytes(&by(world, OTHER_SECRET)), 401),
    Case::refused(
        9,
        "our secret at another tenant's address",
        |world| bytes(&at(world, OTHER_HUBSPOT, SECRET)),
        401,
    ),
    Case::refused(9, "an address that nobody has", |world| bytes(&at(world, "nobody", SECRET)), 401),
    Case::refused(9, "a wrong path token", |world| path_token(world, "not-the-path-token-at-all-1"), 401),
    Case::taken(10, "a recording played again", |world| bytes(&good(world)), 1),
    Case::refused(
        11,
        "a body that a proxy wrote anew",
        |world| {
            let mut changed = good(world);
            changed.body = String::from_utf8(changed.body).unwrap().replace(':', ": ").into_bytes();
            bytes(&changed)
        },
        401,
    ),
    Case::refused(
        12,
        "a signature over another host",
        |world| {
            let path = good(world).path;
            over(world, &format!("https://evil.example{path}"), &[("host", "evil.example")])
        },
        401,
    ),
    Case::refused(
        12,
        "a signature over a forwarded host",
        |world| {
            let path = good(world).path;
            over(world, &format!("https://evil.example{path}"), &[("x-forwarded-host", "evil.example")])
        },
        401,
    ),
    Case::taken(
        12,
        "a forwarded host beside a good signature",
        |world| bytes(&good(world).with_header("x-forwarded-host", "evil.example")),
        1,
    ),
    Case::refused(
        13,
        "a signature of version 1 alone",
        |world| {
            let old = "0".repeat(64);
            bytes(&good(world).without_header(V3_HEADER).with_header(LEGACY_HEADER, old))
        },
        401,
    ),
    Case::kept(14, "an unknown portal", |world| {
        let event = json::event("100").replace("24801", "1");
        bytes(&world.sign(&Webhook::hubspot(format!("[{event}]"))))
    }),
    Case::kept(14, "an unknown organisation", |world| {
        soap::bytes(world, soap::message(1).replace("00Dxx0000001gPFEAY", "00Dxx0000001gPAEAY"))
    }),
];

fn bytes(delivery: &Delivery) -> Vec<u8> {
    delivery.to_bytes()
}

fn webhook() -> Vec<u8> {
    format!("[{}]", json::event("100")).into_bytes()
}

fn good(world: &World) -> Delivery {
    world.sign(&Webhook::hubspot(webhook()))
}

fn by(world: &World, secret: &str) -> Delivery {
    at(world, "hub", secret)
}

fn at(world: &World, connection: &str, secret: &str) -> Delivery {
    let (connection, secret) = (connection.to_owned(), secret.to_owned());
    world.sign(&Webhook::Hubspot { connection, secret, body: webhook() })
}

fn signature(world: &World, value: &str) -> Vec<u8> {
    bytes(&good(world).with_header(V3_HEADER, value))
}

fn timestamp(world: &World, value: &str) -> Vec<u8> {
    bytes(&good(world).with_header(TIMESTAMP_HEADER, value))
}

fn listed(world: &World, wrong: usize) -> Vec<u8> {
    let delivery = good(world);
    let right = delivery.headers.iter().find(|(name, _)| name == V3_HEADER).unwrap().1.clone();
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,".repeat(wrong);
    bytes(&delivery.with_header(V3_HEADER, format!("{wrong}{right}")))
}

/// Signed rightly, at another time.
fn shifted(world: &World, seconds: i64) -> Vec<u8> {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let at = if seconds < 0 { world.now().minus(by) } else { world.now().plus(by) };
    bytes(&Webhook::hubspot(webhook()).sign(&world.public_url(), at))
}

/// Signed rightly, over another address.
fn over(world: &World, uri: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let (now, body) = (world.now(), webhook());
    let signed = sign_v3(&SECRET.into(), &Request { method: "POST", uri, body: &body }, now);
    let mut text = String::from_utf8(
        good(world)
            .with_header(V3_HEADER, signed)
            .with_header(TIMESTAMP_HEADER, now.as_millis().to_string())
            .to_bytes(),
    )
    .unwrap();
    for (name, value) in headers {
        text = match *name {
            "host" => text.replace("host: 127.0.0.1", &format!("host: {value}")),
            name => text.replacen("\r\n", &format!("\r\n{name}: {value}\r\n"), 1),
        };
    }
    text.into_bytes()
}

fn path_token(world: &World, token: &str) -> Vec<u8> {
    bytes(&world.sign(&Webhook::Salesforce { token: token.to_owned(), body: soap::message(1).into_bytes() }))
}
