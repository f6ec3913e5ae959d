//! 4, 6, 8, 11: everything ended, once; every effect at a vendor is one, known, and within the budget.

use std::collections::BTreeMap;

use afterglow_dispatcher::{AttemptState, ReservationState, Status, Touchpoint};
use afterglow_domain::DealRef;
use afterglow_events::proto::touchpoint_due::Deed;
use afterglow_events::{Body, Topic};
use afterglow_providers::OrderStatus;

use crate::ground::Ground;
use crate::trace::Rows;
use crate::world::World;

/// What both journeys allow an account, in minor units.
const CAP_MINOR: i64 = 9_000;

/// Every touchpoint has one conclusion, every promise one end.
pub(super) async fn everything_ended_once<G: Ground>(
    world: &World<G>,
    rows: &Rows,
    broken: &mut Vec<String>,
) {
    for row in rows.enrolments.iter().filter(|row| row.status() != "ended") {
        broken.push(format!("4: {} is {} and nothing waits for it", row.id, row.status()));
    }
    for row in rows.touchpoints.iter().filter(|row| row.status != Status::Concluded) {
        broken.push(format!("8: touchpoint {} is {} at the end", row.id, row.status.as_str()));
    }
    let mut concluded: BTreeMap<String, usize> = BTreeMap::new();
    for event in world.events(Topic::Deliveries).await {
        if let Body::DeliveryConcluded(end) = event.body {
            *concluded.entry(end.of.unwrap_or_default().touchpoint_id).or_default() += 1;
        }
    }
    for id in &world.watch.touchpoints {
        let ends = concluded.get(&id.to_string()).copied().unwrap_or_default();
        if ends != 1 {
            let what = if world.watch.questions.contains(id) { "question" } else { "touchpoint" };
            broken.push(format!("8: {what} {id} was concluded {ends} times"));
        }
    }
    let (mut promised, mut closed) = (Vec::new(), BTreeMap::<_, usize>::new());
    for event in world.events(Topic::Journeys).await {
        match event.body {
            Body::JourneyEnrolled(start) => {
                let id = start.enrolment.unwrap_or_default().enrolment_id;
                promised
                    .extend(start.promises.into_iter().map(|one| (id.clone(), one.moment, one.occurrence)));
            }
            Body::ObligationClosed(end) => {
                let id = end.enrolment.unwrap_or_default().enrolment_id;
                *closed.entry((id, end.moment, end.occurrence)).or_default() += 1;
            }
            _ => {}
        }
    }
    for promise in promised {
        let ends = closed.remove(&promise).unwrap_or_default();
        if ends != 1 {
            broken.push(format!("8: the promise {promise:?} ended {ends} times"));
        }
    }
    broken.extend(
        closed
            .into_iter()
            .filter(|(_, ends)| *ends > 1)
            .map(|(key, ends)| format!("8: {key:?} ended {ends} times")),
    );
}

/// A mail arrives at most once; it says delivered where one did, and in doubt where nobody knows.
pub(super) fn each_mail_went_at_most_once<G: Ground>(
    world: &World<G>,
    rows: &Rows,
    broken: &mut Vec<String>,
) {
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for letter in &world.around.vendors.desk().mails {
        *arrived.entry(letter.touchpoint.clone()).or_default() += 1;
    }
    for row in &rows.touchpoints {
        let copies = arrived.remove(&row.id.to_string()).unwrap_or_default();
        let delivered = outcome(row) == "delivered";
        let in_doubt =
            rows.attempts.iter().any(|one| one.touchpoint == row.id && one.state == AttemptState::InDoubt);
        if copies > 1 || (delivered && copies == 0) || (copies == 1 && !delivered && !in_doubt) {
            broken.push(format!("6: {} ended as {} with {copies} mails", row.id, outcome(row)));
        }
    }
    broken.extend(arrived.into_keys().map(|id| format!("6: a mail for {id}, which is no touchpoint")));
}

/// A gift is bought at most once per touchpoint and is known as spent, for the account whose customer its
/// deal is in the end. No account is above its budget, unless a deal brought money along.
pub(super) fn each_gift_was_bought_at_most_once<G: Ground>(
    world: &World<G>,
    rows: &Rows,
    broken: &mut Vec<String>,
) {
    let mut gifts = world.around.vendors.desk().gifts.clone();
    let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &rows.touchpoints {
        let promised = matches!(row.due.deed, Some(Deed::Gift(_))) && row.state.without_gift.is_none();
        let Some(gift) = gifts.remove(&row.id.to_string()) else {
            if promised && outcome(row) == "delivered" {
                broken.push(format!("6: {} is delivered and no gift was bought", row.id));
            }
            continue;
        };
        *sold.entry(customer(row, rows)).or_default() += gift.minor * i64::from(gift.effects);
        let known = row.state.reservation.as_ref().is_some_and(|one| one.state == ReservationState::Spent);
        if gift.effects != 1 || !known || gift.status != OrderStatus::Executed {
            broken.push(format!("6: {} bought {gift:?}, its money is {:?}", row.id, row.state.reservation));
        }
    }
    broken.extend(gifts.into_keys().map(|id| format!("6: a gift under {id}, which is no touchpoint")));
    for budget in &rows.budgets {
        let (account, spent) = (budget.key.account.as_str(), budget.spent_minor);
        let sold = sold.remove(account).unwrap_or_default();
        if sold != spent || budget.reserved_minor != 0 {
            broken.push(format!("11: {account} received {sold} minor units, the ledger says {budget:?}"));
        }
        if spent > CAP_MINOR.max(budget.joined_minor) {
            broken.push(format!("11: {account} received {spent} of {CAP_MINOR} minor units"));
        }
    }
    broken.extend(sold.into_iter().map(|(account, sold)| format!("11: {account}: {sold} and no budget")));
}

/// The account for which a touchpoint's money counts in the end.
fn customer<'a>(row: &'a Touchpoint, rows: &'a Rows) -> &'a str {
    let known = |deal: &DealRef| rows.ledgers.iter().find(|ledger| ledger.deal == *deal);
    let mut ledger = row.deal().and_then(|deal| known(&deal));
    while let Some(next) = ledger.and_then(|ledger| ledger.merged_into.as_ref()) {
        ledger = known(next);
    }
    ledger.map_or(row.budget_account(), |ledger| &ledger.account)
}

fn outcome(row: &Touchpoint) -> &str {
    row.state.conclusion.as_ref().map_or("", |end| end.outcome.as_str())
}
