//! The mailbox for people and for tests.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Mailbox;
use crate::page::{escape, page};

pub(super) async fn list(State(mailbox): State<Mailbox>) -> Response {
    let mails = mailbox.mails();
    let mut body = format!("<p>{} kept, newest first. Nothing here left this machine.</p>", mails.len());
    body.push_str("<table><tr><th>when<th>to<th>subject");
    for mail in mails.iter().rev() {
        let letter = mail.letter();
        let at = letter.date.unwrap_or_else(|| mail.at.to_string());
        let at = escape(&at.get(..16).unwrap_or(&at).replace('T', " "));
        let (to, subject) = (escape(&letter.to), escape(&letter.subject));
        // Writing to a String cannot fail.
        let _ = write!(body, "<tr><td>{at}<td>{to}<td><a href=\"/mailbox/{}\">{subject}</a>", mail.no);
    }
    body.push_str("</table>");
    page("Mailbox", &body)
}

/// The HTML part stands in a frame without any rights, since it comes from the mail.
pub(super) async fn show(State(mailbox): State<Mailbox>, Path(no): Path<u64>) -> Response {
    let Some(mail) = mailbox.mails().into_iter().find(|mail| mail.no == no) else {
        return (StatusCode::NOT_FOUND, page("No such mail", "")).into_response();
    };
    let letter = mail.letter();
    let rows = [
        ("from", Some(letter.from)),
        ("to", Some(letter.to)),
        ("date", letter.date),
        ("Message-ID", letter.message_id),
        ("unsubscribe", letter.list_unsubscribe),
    ];
    let mut body = String::from("<table>");
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = write!(body, "<tr><th>{name}<td>{}", escape(&value.unwrap_or_default()));
    }
    let _ = write!(body, "</table><pre>{}</pre>", escape(&letter.text));
    if let Some(html) = letter.html {
        let _ =
            write!(body, "<iframe sandbox title=\"the HTML part\" srcdoc=\"{}\"></iframe>", escape(&html));
    }
    page(&letter.subject, &body)
}

pub(super) async fn json(State(mailbox): State<Mailbox>) -> Json<Value> {
    let row = |mail: &super::Mail| {
        let mut row = json!(mail.letter());
        row["no"] = json!(mail.no);
        row["at"] = json!(mail.at.to_string());
        row["envelope"] = json!({"from": mail.from, "to": mail.to});
        row
    };
    Json(mailbox.mails().iter().map(row).collect())
}
