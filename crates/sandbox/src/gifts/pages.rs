//! The ledger for people and for tests, and what a recipient sees behind the link.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Gifts;
use crate::page::{escape, page};

pub(super) async fn list(State(gifts): State<Gifts>) -> Response {
    let orders = gifts.orders();
    let mut body = format!("<p>{} ordered, newest first. Nothing here costs anything.</p>", orders.len());
    body.push_str("<table><tr><th>when<th>order<th>gift<th>for<th>product<th>our key");
    for order in orders.iter().rev() {
        let at = order.created_at.to_string();
        let key = order.external_id.as_deref().unwrap_or("none");
        let cells = [&order.order_id, &order.amount.to_string(), &order.recipient_name, &order.product, key];
        let cells = cells.map(escape).join("<td>");
        // Writing to a String cannot fail.
        let _ = write!(body, "<tr><td>{}<td>{cells}", at.get(..16).unwrap_or(&at).replace('T', " "));
    }
    body.push_str("</table>");
    page("Gifts", &body)
}

pub(super) async fn json(State(gifts): State<Gifts>) -> Json<Value> {
    let row = |order: &super::Order| {
        let calls = order.external_id.as_deref().map_or(1, |id| gifts.calls(id));
        let mut row = json!(order);
        row["calls"] = json!(calls);
        row
    };
    let orders: Vec<Value> = gifts.orders().iter().map(row).collect();
    Json(json!({"orders": orders, "lost_answers": gifts.lost()}))
}

pub(super) async fn redeem(State(gifts): State<Gifts>, Path(token): Path<String>) -> Response {
    let Some(order) = gifts.with_token(&token) else {
        return (StatusCode::NOT_FOUND, page("No such gift", "")).into_response();
    };
    let (name, amount) = (escape(&order.recipient_name), escape(&order.amount.to_string()));
    page("A gift", &format!("<p>{amount} for {name}. In the real world the choice would be here.</p>"))
}
