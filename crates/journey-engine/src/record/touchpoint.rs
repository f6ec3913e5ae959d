//! The product's main contract: a touchpoint that is due, and one that is not any more.
//!
//! The texts are those of the published version and stay templates; personal data is in the recipients
//! only, and whoever sends fills it in.

use std::collections::BTreeMap;

use afterglow_events::proto::touchpoint_due;
use afterglow_events::{convert, identity, proto};
use afterglow_journey::{Deed, To, TouchpointPlan, built_in};

use super::{Recorder, number};

impl Recorder<'_> {
    pub(super) fn touchpoint_due(&mut self, plan: &TouchpointPlan) {
        let touchpoint = identity::touchpoint(self.row.id, &plan.moment, plan.occurrence);
        let event = proto::TouchpointDue {
            touchpoint_id: touchpoint.to_string(),
            enrolment_id: self.row.id.to_string(),
            journey: self.row.journey.clone(),
            journey_version: number(self.row.version),
            moment: plan.moment.clone(),
            occurrence: number(plan.occurrence),
            intent: convert::intent(plan.intent).into(),
            channel: convert::channel(plan.channel).into(),
            day: plan.day,
            deal: Some(convert::deal_ref(&self.row.deal)),
            enrolled_deal: self.row.began_with.as_ref().map(convert::deal_ref),
            account: self.snapshot.account.clone(),
            recipient: Some(self.recipient(&plan.to)),
            owner: self.snapshot.owner.clone(),
            planned_at: Some(convert::timestamp(plan.planned)),
            deadline_at: Some(convert::timestamp(plan.deadline)),
            budget_cap: Some(convert::money(self.journey.definition.budget_per_customer)),
            variables: self.variables(plan),
            deed: Some(self.deed(&plan.deed)),
        };
        self.publish(identity::touchpoint_due(touchpoint), event);
    }

    pub(super) fn revoke(&mut self, moment: &str, occurrence: u32, reason: &str) {
        let touchpoint = identity::touchpoint(self.row.id, moment, occurrence);
        let event = proto::TouchpointRevoked {
            touchpoint_id: touchpoint.to_string(),
            enrolment_id: self.row.id.to_string(),
            moment: moment.to_owned(),
            occurrence: number(occurrence),
            reason: reason.to_owned(),
            occurred_at: Some(convert::timestamp(self.stamp.now)),
        };
        self.publish(identity::touchpoint_revoked(touchpoint), event);
    }

    /// Somebody who is not in the deal any more has no address here, and the dispatcher says so.
    fn recipient(&self, to: &To) -> proto::Recipient {
        match to {
            To::Owner => self.snapshot.owner.clone().unwrap_or_default(),
            To::Contact(id) => {
                let found = self.snapshot.contacts.iter().find(|contact| contact.contact_id == *id);
                let nobody = || proto::Recipient { contact_id: id.clone(), ..Default::default() };
                found.cloned().unwrap_or_else(nobody)
            }
        }
    }

    fn variables(&self, plan: &TouchpointPlan) -> BTreeMap<String, String> {
        let known = [
            ("account.name", self.snapshot.account_name.as_str()),
            ("deal.name", self.snapshot.name.as_str()),
            ("sender.company", self.stamp.options.sender_company.as_str()),
            ("task.reason", plan.task_reason.as_deref().unwrap_or_default()),
        ];
        let filled = known.into_iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn deed(&self, deed: &Deed) -> touchpoint_due::Deed {
        match deed {
            Deed::Gift { worth, pick, mail, mail_without_gift } => {
                touchpoint_due::Deed::Gift(proto::GiftDeed {
                    worth: Some(convert::money(*worth)),
                    pick: pick.clone(),
                    mail: Some(self.content(mail)),
                    mail_without_gift: mail_without_gift.as_deref().map(|note| self.content(note)),
                })
            }
            Deed::Mail { mail } => {
                touchpoint_due::Deed::Mail(proto::MailDeed { mail: Some(self.content(mail)) })
            }
            Deed::Task { task } => {
                touchpoint_due::Deed::Task(proto::TaskDeed { task: Some(self.content(task)) })
            }
        }
    }

    /// The linter has seen that every file is there; should one not be, the empty text fails to render.
    fn content(&self, name: &str) -> proto::Content {
        let of_journey = || self.journey.published.files.get(name).cloned().unwrap_or_default();
        let source = built_in(name).map_or_else(of_journey, str::to_owned);
        proto::Content { name: name.to_owned(), source }
    }
}
