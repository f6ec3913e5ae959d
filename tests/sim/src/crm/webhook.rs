//! The CRM's webhooks: owed by changes, delivered in any order, again, or never.

use afterglow_domain::Timestamp;

use super::{Crm, PORTAL, State};

/// One event that the CRM wants to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The event as HubSpot writes it; its `eventId` is unique, so it is found again in the log.
    pub body: String,
    /// Which deals it makes the product look at.
    deals: Vec<usize>,
}

impl State {
    /// Owes a webhook about a change of a deal.
    pub(super) fn owe(&mut self, deal: usize, kind: &str, at: Timestamp) {
        self.made += 1;
        let id = self.ids.deals[deal];
        let event = match kind {
            "stage" => {
                let stage = &self.deals[deal].snapshot.stage;
                format!(
                    r#""subscriptionType":"deal.propertyChange","objectId":{id},"propertyName":"dealstage","propertyValue":"{stage}""#
                )
            }
            "merge" => {
                let losers = (0..self.deals.len()).filter(|one| self.deals[*one].into == Some(deal));
                let losers: Vec<String> = losers.map(|one| self.ids.deals[one].to_string()).collect();
                format!(
                    r#""subscriptionType":"deal.merge","objectId":{id},"primaryObjectId":{id},"mergedObjectIds":[{}]"#,
                    losers.join(",")
                )
            }
            "amount" => format!(
                r#""subscriptionType":"deal.propertyChange","objectId":{id},"propertyName":"amount","propertyValue":"1""#
            ),
            other => format!(r#""subscriptionType":"deal.{other}","objectId":{id}"#),
        };
        let body = format!(
            r#"{{"eventId":{},"portalId":{PORTAL},"occurredAt":{},{event}}}"#,
            self.made,
            at.as_millis()
        );
        let merged =
            (0..self.deals.len()).filter(|one| kind == "merge" && self.deals[*one].into == Some(deal));
        let deals = merged.chain([deal]).collect();
        self.waiting.push(Webhook { body, deals });
    }
}

impl Crm {
    /// The waiting webhooks, of which the `nth` (modulo their number) is meant.
    pub fn waiting(&self, nth: usize) -> Option<Webhook> {
        let state = self.state();
        nth.checked_rem(state.waiting.len()).map(|nth| state.waiting[nth].clone())
    }

    /// The newest waiting webhooks, newest first.
    pub fn newest(&self, max: usize) -> Vec<Webhook> {
        self.state().waiting.iter().rev().take(max).cloned().collect()
    }

    /// One that was taken already.
    pub fn taken(&self, nth: usize) -> Option<Webhook> {
        let state = self.state();
        nth.checked_rem(state.taken.len()).map(|nth| state.taken[nth].clone())
    }

    /// The product said yes to it: it is not delivered again, and the deals' changes are told.
    pub fn told(&self, webhook: &Webhook) {
        let mut state = self.state();
        state.waiting.retain(|waiting| waiting != webhook);
        if !state.taken.contains(webhook) {
            state.taken.push(webhook.clone());
        }
        for deal in &webhook.deals {
            state.deals[*deal].owed = false;
        }
    }

    /// It never arrives.
    pub fn lose(&self, webhook: &Webhook) {
        self.state().waiting.retain(|waiting| waiting != webhook);
    }

    /// Owes one more webhook for each deal whose last change was not told: a person touches it.
    pub fn remind(&self) {
        let mut state = self.state();
        let at = state.now;
        let owed: Vec<usize> = (0..state.deals.len()).filter(|deal| state.deals[*deal].owed).collect();
        for deal in owed {
            state.owe(deal, "amount", at);
        }
    }
}
