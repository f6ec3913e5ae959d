//! What comes in over HTTP: webhooks, forged ones, unreadable ones, unsubscriptions. Invariant 13.

use afterglow_crm::hubspot::signature::{Request as Signed, TIMESTAMP_HEADER, V3_HEADER, sign_v3};
use afterglow_events::Topic;
use axum::body::Body;
use http::Request;
use tower::ServiceExt;

use super::World;
use crate::crm::Webhook;
use crate::ground::{Ground, all};
use crate::roles::{PUBLIC_URL, SECRET};

const PATH: &str = "/webhooks/hubspot/hub";

/// Authentic and not readable.
const GARBAGE: &str = r#"[{"subscriptionType":"deal.creation","objectId":"no number"}]"#;

impl<G: Ground> World<G> {
    /// The CRM sends these in one signed request; what is answered with 503 it will send again.
    pub(super) async fn deliver(&mut self, webhooks: Vec<Webhook>) {
        if webhooks.is_empty() {
            return;
        }
        let bodies: Vec<&str> = webhooks.iter().map(|webhook| webhook.body.as_str()).collect();
        match self.post(&format!("[{}]", bodies.join(",")), SECRET).await {
            200 => {
                for webhook in webhooks {
                    self.around.crm.told(&webhook);
                    self.watch.accepted.push(webhook.body);
                }
            }
            503 => {}
            status => self.watch.problem(format!("13: an authentic webhook was answered {status}")),
        }
    }

    /// Somebody who does not know the secret says that everything was won.
    pub(super) async fn forge(&mut self) {
        let before = all(&self.ground.source(), Topic::Webhooks).await.len();
        let status = self.post(r#"[{"subscriptionType":"deal.creation","objectId":1}]"#, "guessed").await;
        let after = all(&self.ground.source(), Topic::Webhooks).await.len();
        if (status, after) != (401, before) {
            self.watch.problem(format!("13: a forged webhook: {status}, {} stored", after - before));
        }
    }

    pub(super) async fn garbage(&mut self) {
        match self.post(GARBAGE, SECRET).await {
            200 => self.watch.accepted.push(GARBAGE.trim_matches(['[', ']']).to_owned()),
            503 => {}
            status => self.watch.problem(format!("13: unreadable input was answered {status}")),
        }
    }

    /// The reader of a mail that arrived presses its button.
    pub(super) async fn unsubscribe(&mut self, nth: usize) {
        let links: Vec<String> =
            self.around.vendors.desk().mails.iter().filter_map(|mail| mail.unsubscribe.clone()).collect();
        let Some(link) = nth.checked_rem(links.len()).map(|nth| &links[nth]) else { return };
        let path = link.strip_prefix(PUBLIC_URL).unwrap_or(link);
        let request =
            Request::post(path).body(Body::from("List-Unsubscribe=One-Click")).expect("it is a path");
        let status = self.ask(request).await;
        if !matches!(status, 200 | 503) {
            self.watch.problem(format!("13: an unsubscription was answered {status}"));
        }
    }

    async fn post(&self, body: &str, secret: &str) -> u16 {
        let (uri, now) = (format!("{PUBLIC_URL}{PATH}"), self.now());
        let signed = Signed { method: "POST", uri: &uri, body: body.as_bytes() };
        let signature = sign_v3(&secret.into(), &signed, now);
        let request = Request::post(PATH)
            .header(V3_HEADER, signature)
            .header(TIMESTAMP_HEADER, now.as_millis().to_string())
            .body(Body::from(body.to_owned()))
            .expect("the headers are text");
        self.ask(request).await
    }

    async fn ask(&self, request: Request<Body>) -> u16 {
        match self.roles.edge.clone().oneshot(request).await {
            Ok(response) => response.status().as_u16(),
            Err(never) => match never {},
        }
    }
}
