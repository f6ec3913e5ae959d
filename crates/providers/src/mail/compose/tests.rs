use afterglow_domain::Sensitive;

use super::*;

fn mail() -> Mail {
    Mail {
        message_id: "5f0c8b9e-0000-5000-8000-000000000001@mail.example.com".into(),
        date: "2026-03-09T08:30:00Z".parse().unwrap(),
        from: Mailbox::new("Mia Brandt", "mia@vendor.example"),
        reply_to: Some(Mailbox::new("", "answers@vendor.example")),
        to: Mailbox::new("Jürgen \"JW\" Weber", "jonas@northwind.example"),
        subject: "Welcome, Jürgen. Coffee is on us".into(),
        text: "Hello.\n.\nThis line began with a dot.\n".into(),
        html: Some("<p>Hello.</p>".into()),
        list_unsubscribe_url: Some(format!("https://u.example.com/{}", "a".repeat(200))),
    }
}

fn text(mail: &Mail) -> String {
    String::from_utf8(compose(mail).unwrap()).unwrap()
}

#[test]
fn the_same_mail_gives_the_same_bytes() {
    assert_eq!(compose(&mail()).unwrap(), compose(&mail()).unwrap());
}

#[test]
fn it_carries_what_a_mail_reader_and_a_list_need() {
    let text = text(&mail());
    for line in [
        "Message-ID: <5f0c8b9e-0000-5000-8000-000000000001@mail.example.com>",
        "Date: Mon, 09 Mar 2026 08:30:00 +0000",
        "Auto-Submitted: auto-generated",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "MIME-Version: 1.0",
        "Reply-To: answers@vendor.example",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let unsubscribe = text.lines().find(|line| line.starts_with("List-Unsubscribe: ")).unwrap();
    assert!(unsubscribe.starts_with("List-Unsubscribe: <https://u.example.com/aaa"));
    assert!(unsubscribe.ends_with("a>"), "a URL is never folded");
    assert_eq!(text.matches("--=_afterglow_5f0c8b9e00005000800000000000000").count(), 3);
    assert!(text.is_ascii());
}

#[test]
fn a_mail_without_html_is_plain() {
    let plain = text(&Mail { html: None, list_unsubscribe_url: None, ..mail() });
    assert!(!plain.contains("multipart"));
    assert!(!plain.contains("List-Unsubscribe"));
}

#[test]
fn no_value_starts_a_header_of_its_own() {
    let evil = "Ann\r\nBcc: everybody@example.com";
    let cases = [
        Mail { to: Mailbox::new(evil, "a@example.com"), ..mail() },
        Mail { to: Mailbox::new("", "a@example.com\r\nBcc: b@example.com"), ..mail() },
        Mail { to: Mailbox::new("", "a@example.com>, <b@example.com"), ..mail() },
        Mail { from: Mailbox::new("line\u{0}", "a@example.com"), ..mail() },
        Mail { reply_to: Some(Mailbox::new(evil, "a@example.com")), ..mail() },
        Mail { subject: Sensitive::from(evil), ..mail() },
        Mail { message_id: "a@b>\r\nBcc: c@d".into(), ..mail() },
        Mail { message_id: "no-domain".into(), ..mail() },
        Mail { list_unsubscribe_url: Some("https://x.example/\r\nBcc: c@d".into()), ..mail() },
        Mail { list_unsubscribe_url: Some("https://x.example/>,<mailto:c@d".into()), ..mail() },
        Mail { list_unsubscribe_url: Some("http://x.example/u".into()), ..mail() },
        Mail { list_unsubscribe_url: Some("mailto:x@example.com".into()), ..mail() },
        Mail { date: afterglow_domain::Timestamp(-1), ..mail() },
    ];
    for (n, case) in cases.iter().enumerate() {
        let error = compose(case).expect_err(&format!("case {n}"));
        assert!(!error.to_string().contains("everybody"), "errors never repeat a value");
    }
    let loopback = Mail { list_unsubscribe_url: Some("http://127.0.0.1:8080/u/x".into()), ..mail() };
    assert!(compose(&loopback).is_ok());
}
