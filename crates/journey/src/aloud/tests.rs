use super::*;
use crate::publish::tests::shipped;
use insta::assert_snapshot;

#[test]
fn the_shipped_journey_read_aloud() {
    assert_snapshot!(read_aloud(&shipped().definition), @r"
    first-90-days: one journey per deal; day 0 is the close date, or the day of the win if that is earlier; a deal heard of more than 30 days after it gets none.
    Sent at 09:30, and not after 17:30, in Europe/Berlin to the champion, else the decision maker, else the primary contact; where nobody can be reached, the owner gets tasks/add-a-contact.md once, and the moments wait.
    4 gifts cost 175 USD, a customer's gifts may cost 500 USD.

    welcome: day 1, not after day 21, a gift worth 25 USD (coffee), with mails/welcome.md, intent: welcome; where no gift may go, mails/welcome-note.md goes alone.
    getting-started: day 3, not after day 14, the mail mails/getting-started.md, intent: anticipate; left out if its day was over when we started.
    first-week: day 7, not after day 14, a gift worth 25 USD (book), with mails/first-week.md, intent: check in; where no gift may go, mails/first-week-note.md goes alone; left out if its day was over when we started.
    how-is-it-going: day 10, not after day 20, the mail mails/how-is-it-going.md, intent: listen; left out if its day was over when we started.
    value-1: day 18, not after day 25, the mail mails/tip-1.md, intent: value.
    first-month: day 30, not after day 45, a gift worth 50 USD (recipient_chooses), with mails/first-month.md, intent: celebrate; where no gift may go, mails/first-month-note.md goes alone.
    value-2: day 42, not after day 49, the mail mails/how-others-use-it.md, intent: value.
    next-step: day 55, not after day 75, the mail mails/join-the-community.md, intent: next step.
    value-3: day 68, not after day 75, the mail mails/tip-2.md, intent: value.
    looking-ahead: day 79, not after day 86, the mail mails/your-next-quarter.md, intent: anticipate.
    first-quarter: day 90, not after day 110, a gift worth 75 USD (recipient_chooses), with mails/first-quarter.md, intent: appreciate; where no gift may go, mails/first-quarter-note.md goes alone.

    11 promises; the longest silence is 13 days, from day 42 to day 55.
    ");
}
