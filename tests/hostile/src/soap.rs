//! 49–51: authentic XML that is not what it should be. What no parser should look at further is kept raw
//! and acknowledged: a fault would only make Salesforce repeat it for a day.

use std::fmt::Write as _;

use afterglow_support::{Webhook, World};

use crate::case::{Case, numbered};

/// The cases.
pub const CASES: &[Case] = &[
    Case::kept(31, "an empty document", |world| bytes(world, String::new())),
    Case::kept(31, "a truncated document", |world| {
        let whole = message(1);
        bytes(world, whole[..whole.len() - 40].to_owned())
    }),
    Case::kept(49, "a DTD", |world| declared(world, "<!DOCTYPE x>")),
    Case::kept(49, "an entity that reads a file", |world| {
        let body = message(1).replace("Closed Won", "&f;");
        let dtd = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
        bytes(world, body.replacen("<soapenv:Envelope", &format!("{dtd}<soapenv:Envelope"), 1))
    }),
    Case::kept(49, "a billion laughs", |world| {
        let mut dtd = String::from("<!DOCTYPE x [<!ENTITY l0 \"lol\">");
        for n in 1..10 {
            // Writing to a String cannot fail.
            let _ = write!(dtd, "<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10));
        }
        let body = message(1).replace("Closed Won", "&l9;");
        bytes(world, body.replacen("<soapenv:Envelope", &format!("{dtd}]><soapenv:Envelope"), 1))
    }),
    Case::kept(50, "three hundred thousand levels", |world| bytes(world, "<a>".repeat(300_000))),
    Case::kept(50, "fifty thousand attributes", |world| {
        let attributes = numbered(50_000, |n| format!(" a{n}=\"\""));
        bytes(world, message(1).replacen("<Notification>", &format!("<Notification{attributes}>"), 1))
    }),
    Case::kept(50, "forty thousand namespaces", |world| {
        let namespaces = numbered(40_000, |n| format!(" xmlns:n{n}=\"u\""));
        bytes(world, message(1).replacen("<Notification>", &format!("<Notification{namespaces}>"), 1))
    }),
    Case::taken(
        51,
        "one notification twice",
        |world| {
            let body = message(1);
            let start = body.find("<Notification>").unwrap();
            let end = body.find("</notifications>").unwrap();
            let twice = body[start..end].repeat(2);
            bytes(world, format!("{}{twice}{}", &body[..start], &body[end..]))
        },
        2,
    ),
    Case::taken(51, "a hundred and one notifications", |world| bytes(world, message(101)), 101),
    Case::kept(40, "no opportunity id", |world| bytes(world, message(1).replace("sf:Id>", "sf:NoId>"))),
    Case::kept(33, "a field twice", |world| {
        bytes(world, message(1).replace("</sObject>", "<sf:StageName>Closed Lost</sf:StageName></sObject>"))
    }),
    Case::kept(31, "JSON where XML belongs", |world| bytes(world, "[{}]".to_owned())),
];

/// An Outbound Message about so many opportunities that Salesforce does not have.
pub fn message(notifications: usize) -> String {
    let mut body = String::new();
    for n in 0..notifications {
        // Writing to a String cannot fail.
        let _ = write!(
            body,
            "<Notification><Id>04l{n:012}AAA</Id><sObject xsi:type=\"sf:Opportunity\" \
             xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>006zz{n:010}AAA</sf:Id>\
             <sf:StageName>Closed Won</sf:StageName></sObject></Notification>"
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\
         <OrganizationId>00Dxx0000001gPFEAY</OrganizationId><ActionId>04kxx00000000blAAA</ActionId>\
         {body}</notifications></soapenv:Body></soapenv:Envelope>"
    )
}

/// The document behind the right token.
pub fn bytes(world: &World, body: String) -> Vec<u8> {
    world.sign(&Webhook::salesforce(body)).to_bytes()
}

fn declared(world: &World, dtd: &str) -> Vec<u8> {
    bytes(world, message(1).replacen("<soapenv:Envelope", &format!("{dtd}<soapenv:Envelope"), 1))
}
