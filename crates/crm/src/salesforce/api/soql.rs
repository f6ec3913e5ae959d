//! The two queries.
//!
//! Ids come from [`super::super::id::to18`] and hold letters and digits only, so a query cannot be
//! broken out of.

use std::collections::BTreeSet;

/// The object that tells when an opportunity entered its stages; readable or not, as the org decides.
pub(super) const HISTORY: &str = "OpportunityHistory";

/// Fields that are not in every org: the first only with several currencies, the second only since
/// API version 52. `HasOptedOutOfEmail` is not among them: whom not to write to must be known.
const OPTIONAL: [&str; 2] = ["CurrencyIsoCode", "LastStageChangeDate"];

/// Our own constant for a column that may be missing; `None` for one that must be there.
pub(super) fn optional(column: &str) -> Option<&'static str> {
    OPTIONAL.into_iter().find(|field| *field == column)
}

/// One opportunity with all that a snapshot needs, without the `missing` fields.
pub(super) fn opportunity(id18: &str, missing: &BTreeSet<&'static str>) -> String {
    let mut optional = String::new();
    for field in OPTIONAL.into_iter().filter(|field| !missing.contains(field)) {
        optional.push_str(", ");
        optional.push_str(field);
    }
    format!(
        "SELECT Id, Name, Amount, CloseDate, StageName, IsWon, IsClosed, IsDeleted, Type, LastModifiedDate, \
         OwnerId, Owner.FirstName, Owner.LastName, Owner.Email, AccountId, Account.Name{optional}, \
         (SELECT ContactId, Role, IsPrimary, Contact.FirstName, Contact.LastName, Contact.Email, \
         Contact.HasOptedOutOfEmail, Contact.MailingCountry FROM OpportunityContactRoles) \
         FROM Opportunity WHERE Id = '{id18}'"
    )
}

/// The newest stages of one opportunity, newest first.
pub(super) fn history(id18: &str) -> String {
    format!(
        "SELECT StageName, CreatedDate FROM OpportunityHistory WHERE OpportunityId = '{id18}' \
         ORDER BY CreatedDate DESC LIMIT 200"
    )
}
