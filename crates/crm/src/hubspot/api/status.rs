//! What HubSpot's statuses mean to a reader. Source: HubSpot, "Error handling", "API usage guidelines".

use std::time::Duration;

use afterglow_domain::Crm;

use super::wire::Problem;
use crate::read::Error;
use crate::transport::Answer;

/// The daily limit ends at the account's midnight, which we do not know: look again in a while.
const DAILY_PAUSE: Duration = Duration::from_mins(15);
/// The other limit is a rolling window of ten seconds.
const ROLLING_PAUSE: Duration = Duration::from_secs(10);

/// Lets through what a caller reads: success (207 included) and 404.
pub(super) fn judge(answer: Answer) -> Result<Answer, Error> {
    match answer.status.as_u16() {
        200..=299 | 404 => Ok(answer),
        status @ (401 | 403) => Err(Error::Unauthorised {
            vendor: Crm::Hubspot,
            status,
            remedy: "check the private app's token and its read scopes (deals, companies, contacts, owners)",
        }),
        429 => {
            let daily = answer.read::<Problem>("an error").is_ok_and(|problem| problem.is_daily());
            let usual = if daily { DAILY_PAUSE } else { ROLLING_PAUSE };
            let retry_after = answer.retry_after().unwrap_or(usual);
            Err(Error::RateLimited { vendor: Crm::Hubspot, retry_after })
        }
        // 423: too much at once on one record. 477: the account is being moved to another region.
        423 | 477 | 408 | 500..=599 => Err(match answer.retry_after() {
            Some(retry_after) => Error::RateLimited { vendor: Crm::Hubspot, retry_after },
            None => answer.unavailable(),
        }),
        _ => Err(answer.unexpected()),
    }
}
