//! Between the domain's words and the contract's.

use afterglow_domain::{Channel, ConnectionId, Currency, DealKey, DealRef, Intent, Money, Tenant, Timestamp};

use crate::{proto, well_known};

/// A point in time as the contract writes it.
pub fn timestamp(at: Timestamp) -> well_known::Timestamp {
    let nanos = at.0.rem_euclid(1_000_000) * 1000;
    well_known::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).expect("below a thousand million"),
    }
}

/// A point in time as read; out-of-range values are clamped, absent stays absent.
pub fn from_timestamp(at: Option<&well_known::Timestamp>) -> Option<Timestamp> {
    let at = at?;
    Some(Timestamp(at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1000)))
}

/// An amount as the contract writes it.
pub fn money(amount: Money) -> proto::Money {
    proto::Money { minor_units: amount.minor, currency_code: amount.currency.as_str().to_owned() }
}

/// An amount as read; `None` where it is absent or its currency is no code.
pub fn from_money(amount: Option<&proto::Money>) -> Option<Money> {
    let amount = amount?;
    Some(Money::new(amount.minor_units, Currency::new(&amount.currency_code).ok()?))
}

/// A deal as the contract writes it.
pub fn deal_ref(deal: &DealRef) -> proto::DealRef {
    proto::DealRef {
        tenant: deal.tenant.as_str().to_owned(),
        connection: deal.connection.as_str().to_owned(),
        deal: deal.deal.as_str().to_owned(),
    }
}

/// A deal as read; `None` where it is absent or a key in it is not one.
pub fn from_deal_ref(deal: Option<&proto::DealRef>) -> Option<DealRef> {
    let deal = deal?;
    Some(DealRef {
        tenant: Tenant::new(deal.tenant.as_str()).ok()?,
        connection: ConnectionId::new(deal.connection.as_str()).ok()?,
        deal: DealKey::new(deal.deal.as_str()).ok()?,
    })
}

/// An intent as the contract writes it.
pub fn intent(intent: Intent) -> proto::Intent {
    match intent {
        Intent::Welcome => proto::Intent::Welcome,
        Intent::Anticipate => proto::Intent::Anticipate,
        Intent::CheckIn => proto::Intent::CheckIn,
        Intent::Listen => proto::Intent::Listen,
        Intent::Celebrate => proto::Intent::Celebrate,
        Intent::Value => proto::Intent::Value,
        Intent::NextStep => proto::Intent::NextStep,
        Intent::Appreciate => proto::Intent::Appreciate,
        Intent::Repair => proto::Intent::Repair,
    }
}

/// A channel as the contract writes it.
pub fn channel(channel: Channel) -> proto::Channel {
    match channel {
        Channel::Gift => proto::Channel::Gift,
        Channel::Mail => proto::Channel::Mail,
        Channel::Task => proto::Channel::Task,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for at in [Timestamp(0), Timestamp(-1), Timestamp(1_772_790_600_123_456)] {
            assert_eq!(from_timestamp(Some(&timestamp(at))), Some(at));
        }
        let amount = Money::new(2500, Currency::USD);
        assert_eq!(from_money(Some(&money(amount))), Some(amount));
        assert_eq!(from_money(Some(&proto::Money::default())), None);
    }
}
