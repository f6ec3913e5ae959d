//! What Salesforce's statuses and error codes mean to a reader.

use std::time::Duration;

use afterglow_domain::Crm;

use super::wire::Problem;
use crate::read::Error;
use crate::transport::Answer;

/// The daily limit is a rolling one; a quarter of an hour frees some of it.
const LIMIT_PAUSE: Duration = Duration::from_mins(15);

/// Lets through what a caller reads: success, 400 (what the query is refused for) and 401 (the session).
pub(super) fn judge(answer: Answer) -> Result<Answer, Error> {
    match answer.status.as_u16() {
        200..=299 | 400 | 401 => Ok(answer),
        403 if codes(&answer).iter().any(|code| code == "REQUEST_LIMIT_EXCEEDED") => Err(limited(&answer)),
        403 => Err(unauthorised(403)),
        429 => Err(limited(&answer)),
        408 | 420 | 500..=599 => Err(answer.unavailable()),
        _ => Err(answer.unexpected()),
    }
}

fn limited(answer: &Answer) -> Error {
    let retry_after = answer.retry_after().unwrap_or(LIMIT_PAUSE);
    Error::RateLimited { vendor: Crm::Salesforce, retry_after }
}

pub(super) fn unauthorised(status: u16) -> Error {
    let remedy = "check client_id and client_secret, that the app allows the client credentials flow, \
                  and that its user may use the API";
    Error::Unauthorised { vendor: Crm::Salesforce, status, remedy }
}

fn codes(answer: &Answer) -> Vec<String> {
    let problems: Vec<Problem> = answer.read("an error").unwrap_or_default();
    problems.into_iter().map(|problem| problem.error_code).collect()
}

/// A query that the org refuses.
pub(super) struct Refusal(Problem);

impl Refusal {
    /// The refusal in an answer with status 400; codes that mean "later" are errors of their own.
    pub(super) fn of(answer: &Answer) -> Result<Self, Error> {
        let problems: Vec<Problem> = answer.read("a refused query")?;
        let problem = problems.into_iter().next().ok_or_else(|| answer.unexpected())?;
        match problem.error_code.as_str() {
            "QUERY_TIMEOUT" | "UNABLE_TO_LOCK_ROW" | "SERVER_UNAVAILABLE" => Err(answer.unavailable()),
            _ => Ok(Self(problem)),
        }
    }

    /// The column the org does not have. The message also repeats part of the query, hence the search
    /// for the very sentence.
    pub(super) fn missing_column(&self) -> Option<&str> {
        if self.0.error_code != "INVALID_FIELD" {
            return None;
        }
        let (_, rest) = self.0.message.split_once("No such column '")?;
        Some(rest.split_once('\'')?.0)
    }

    pub(super) fn into_error(self) -> Error {
        let what = match self.missing_column() {
            Some(column) => {
                let column: String = column.chars().filter(char::is_ascii_alphanumeric).take(80).collect();
                format!("the field {column} is hidden: let the integration user read it")
            }
            None => format!("the query is refused with {}", self.0.error_code),
        };
        Error::Invalid { vendor: Crm::Salesforce, what }
    }
}
