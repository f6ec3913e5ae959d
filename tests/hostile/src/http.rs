//! 15–30: what is no acceptable HTTP, whoever sends it.

use afterglow_support::{Delivery, Webhook, World};

use crate::case::{Case, Expect, numbered};
use crate::json;

/// The cases.
pub const CASES: &[Case] = &[
    Case::taken(
        15,
        "a length beside chunks: chunks win, nothing second is served",
        |world| {
            let delivery = good(world);
            let body = String::from_utf8(delivery.body.clone()).unwrap();
            let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            let smuggled = "GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
            with_body(
                &delivery,
                &format!("{chunked}{smuggled}"),
                "content-length: 4\r\ntransfer-encoding: chunked",
            )
        },
        1,
    ),
    Case::refused(
        16,
        "two different lengths",
        |world| lengths(world, "content-length: 4\r\ncontent-length: 5"),
        400,
    ),
    Case::refused(16, "a length with a sign", |world| lengths(world, "content-length: +4"), 400),
    Case::refused(
        16,
        "a length with a space before the colon",
        |world| lengths(world, "content-length : 4"),
        400,
    ),
    Case::refused(
        17,
        "chunks that are also something else",
        |world| lengths(world, "transfer-encoding: chunked, identity"),
        400,
    ),
    Case::refused(
        17,
        "an unknown transfer coding",
        |world| lengths(world, "transfer-encoding: xchunked"),
        400,
    ),
    Case::refused(18, "no host", |world| text(world, "host: 127.0.0.1\r\n", ""), 400),
    Case::refused(18, "two hosts", |world| text(world, "host: 127.0.0.1\r\n", "host: a\r\nhost: b\r\n"), 400),
    Case::refused(
        19,
        "a NUL in a header",
        |world| text(world, "connection: close", "connection: close\r\nx: a\0b"),
        400,
    ),
    Case::refused(
        19,
        "a folded header",
        |world| text(world, "connection: close", "connection: close\r\nx: a\r\n b"),
        400,
    ),
    Case::refused(
        20,
        "a hundred and twenty headers",
        |world| {
            let many = numbered(120, |n| format!("x-{n}: 1\r\n"));
            text(world, "connection: close\r\n", &format!("connection: close\r\n{many}"))
        },
        431,
    ),
    Case::refused(
        20,
        "a header of 500 KB",
        |world| text(world, "connection: close", &format!("connection: close\r\nx: {}", "a".repeat(512_000))),
        431,
    ),
    Case::refused(
        20,
        "a path of 70 KB",
        |world| text(world, "/webhooks/hubspot/hub", &format!("/webhooks/hubspot/{}", "a".repeat(70_000))),
        414,
    )
    .but(Expect::OneOf(&[414, 431])),
    Case::refused(
        21,
        "one byte more than the limit",
        |world| world.sign(&Webhook::hubspot(vec![b' '; (1 << 20) + 1])).to_bytes(),
        413,
    ),
    Case::refused(
        21,
        "a claim of nine exabytes",
        |world| lengths(world, "content-length: 9000000000000000000"),
        413,
    ),
    Case::refused(22, "gzip", |world| encoded(world, "gzip"), 415),
    Case::refused(23, "br", |world| encoded(world, "br"), 415),
    Case::refused(23, "gzip twice", |world| encoded(world, "gzip, gzip"), 415),
    Case::refused(
        24,
        "a body that stops before its length",
        |world| {
            let whole = good(world).to_bytes();
            whole[..whole.len() - 10].to_vec()
        },
        408,
    ),
    Case::refused(
        25,
        "headers that never end",
        |world| {
            let whole = good(world).to_bytes();
            whole[..60].to_vec()
        },
        0,
    )
    .but(Expect::Closed),
    Case::refused(
        26,
        "a claim of 5 MB that waits to be asked for",
        |world| {
            let head = "content-length: 5000000\r\nexpect: 100-continue";
            with_body(&good(world), "", head)
        },
        413,
    ),
    Case::refused(28, "HTTP/2", |_| b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), 0)
        .but(Expect::Closed),
    Case::refused(28, "no HTTP at all", |_| vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01], 0)
        .but(Expect::Closed),
    Case::refused(29, "GET", |world| text(world, "POST ", "GET "), 405).but(Expect::NotAllowed),
    Case::refused(29, "PUT", |world| text(world, "POST ", "PUT "), 405).but(Expect::NotAllowed),
    Case::refused(29, "TRACE", |world| text(world, "POST ", "TRACE "), 405).but(Expect::NotAllowed),
    Case::refused(30, "a doubled slash", |world| text(world, "POST /webhooks", "POST //webhooks"), 404),
    Case::refused(30, "an encoded letter", |world| text(world, "POST /webhooks", "POST /%77ebhooks"), 404),
    Case::refused(30, "a way up", |world| text(world, "POST /webhooks", "POST /a/../webhooks"), 404),
    Case::refused(30, "an encoded connection", |world| text(world, "/hub ", "/h%75b "), 404),
    Case::refused(30, "an address of no form", |world| text(world, "/hub ", "/hub/more "), 404),
];

fn good(world: &World) -> Delivery {
    world.sign(&Webhook::hubspot(format!("[{}]", json::event("100"))))
}

/// A good request in which one text stands for another.
fn text(world: &World, from: &str, to: &str) -> Vec<u8> {
    let whole = String::from_utf8(good(world).to_bytes()).unwrap();
    assert!(whole.contains(from), "the request has no {from:?}");
    whole.replacen(from, to, 1).into_bytes()
}

/// A good request with other headers about its body.
fn lengths(world: &World, headers: &str) -> Vec<u8> {
    let delivery = good(world);
    let body = String::from_utf8(delivery.body.clone()).unwrap();
    with_body(&delivery, &body, headers)
}

fn with_body(delivery: &Delivery, body: &str, headers: &str) -> Vec<u8> {
    let whole = String::from_utf8(delivery.to_bytes()).unwrap();
    let head = whole.split("content-length:").next().unwrap().replacen("connection: close\r\n", "", 1);
    format!("{head}{headers}\r\n\r\n{body}").into_bytes()
}

fn encoded(world: &World, encoding: &str) -> Vec<u8> {
    good(world).with_header("content-encoding", encoding).to_bytes()
}
