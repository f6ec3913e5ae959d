//! Pages for people. Everything shown is escaped, and a content policy forbids scripts and requests.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;\
color:#222;background:#fdfcfa}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .8rem;\
border-bottom:1px solid #e5e0d8}th{font-weight:600;color:#665}a{color:#a4471b}pre,td{overflow-wrap:anywhere}pre{white-space:pre-wrap;\
font:inherit;background:#fff;border:1px solid #e5e0d8;padding:1rem}iframe{width:100%;height:32rem;\
border:1px solid #e5e0d8;background:#fff}.dim{color:#887}";

/// A whole page around a body that is HTML already.
pub(crate) fn page(title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\
         <p class=\"dim\"><a href=\"/mailbox\">mailbox</a> · <a href=\"/gifts\">gifts</a></p><h1>{title}</h1>{body}</html>"
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, policy)];
    (headers, html).into_response()
}

/// A text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
