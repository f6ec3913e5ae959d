//! What the demo prints: events in, readable lines out. Pure, so that a golden test can hold it.

use std::collections::BTreeMap;

use afterglow_domain::{Money, Timestamp};
use afterglow_events::proto::{
    Channel, DealSnapshot, DeliveryConcluded, DeliveryOf, DeliveryOutcome, DeliveryProgressed,
    JourneyEnrolled, ObligationClosed, ObligationOutcome, StepState,
};
use afterglow_events::{Body, Event, convert};

use super::paint::Paint;

/// The column widths of a line: customer, moment, what happened.
const CUSTOMER: usize = 15;
const MOMENT: usize = 17;
const WHAT: usize = 38;

/// How the demo's own moments are called on the screen.
const MOMENTS: &[(&str, &str)] = &[
    ("welcome", "welcome gift"),
    ("getting-started", "getting started"),
    ("first-week", "first-week gift"),
    ("how-is-it-going", "how is it going?"),
    ("value-1", "value"),
    ("first-month", "milestone gift"),
    ("value-2", "value"),
    ("next-step", "next step"),
    ("value-3", "value"),
    ("looking-ahead", "looking ahead"),
    ("first-quarter", "appreciation gift"),
];

/// Everything that the screen has to remember.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    paint: Paint,
    customers: BTreeMap<String, String>,
    enrolled: Vec<String>,
    orders: BTreeMap<String, Order>,
    /// When each promise that is not closed yet is planned, by customer and moment.
    open: BTreeMap<(String, String), Timestamp>,
    /// The latest day of which something was told.
    told: i32,
    /// Of the enrolled journeys.
    promised: usize,
    delivered: usize,
    late: usize,
    missed: usize,
}

#[derive(Debug, Default)]
struct Order {
    vendor_id: String,
    amount: Option<Money>,
    found: bool,
}

/// What the world outside the log knows: the sandbox's ledger and mailbox.
pub(crate) trait Sandboxed {
    /// The subject of the mail that a touchpoint became.
    fn subject_of(&self, touchpoint: &str) -> Option<String>;
    /// What the ordered gifts are worth together, and how many orders were one too many.
    fn gifts(&self) -> (Money, usize);
}

impl Screen {
    /// A screen that paints as `paint` says.
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, ..Self::default() }
    }

    /// How many customers are in a journey.
    pub(crate) fn enrolled(&self) -> usize {
        self.enrolled.len()
    }

    /// Whether every promise is closed.
    pub(crate) fn finished(&self) -> bool {
        self.promised > 0 && self.delivered + self.missed == self.promised
    }

    /// The lines that an event adds.
    pub(crate) fn on(&mut self, event: &Event, sandbox: &impl Sandboxed) -> Vec<String> {
        let home = event.envelope.subject.as_str();
        match &event.body {
            Body::DealWon(won) => {
                self.name(home, won.deal.as_ref());
                Vec::new()
            }
            Body::DealAmended(amended) => {
                self.name(home, amended.deal.as_ref());
                Vec::new()
            }
            Body::JourneyEnrolled(enrolled) => self.on_enrolled(home, enrolled),
            Body::DeliveryProgressed(progressed) => self.on_progressed(home, progressed),
            Body::DeliveryConcluded(concluded) => self.on_concluded(home, concluded, sandbox),
            Body::ObligationClosed(closed) => {
                self.on_closed(home, closed);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn name(&mut self, home: &str, deal: Option<&DealSnapshot>) {
        if let Some(deal) = deal {
            self.customers.insert(home.to_owned(), deal.account_name.clone());
        }
    }

    fn customer(&self, home: &str) -> String {
        self.customers.get(home).cloned().unwrap_or_else(|| home.to_owned())
    }

    /// One line for both customers, once the second is enrolled.
    fn on_enrolled(&mut self, home: &str, enrolled: &JourneyEnrolled) -> Vec<String> {
        self.enrolled.push(home.to_owned());
        self.promised += enrolled.promises.len();
        for promise in &enrolled.promises {
            if let Some(planned) = convert::from_timestamp(promise.planned_at.as_ref()) {
                self.open.insert((home.to_owned(), promise.moment.clone()), planned);
            }
        }
        let journey = enrolled.enrolment.as_ref().map(|of| of.journey.as_str()).unwrap_or_default();
        if self.enrolled.len() != 2 {
            return Vec::new();
        }
        let promised = enrolled.promises.len();
        vec![format!(
            "{}  {:CUSTOMER$}  journey {journey}, {promised} moments promised to each",
            self.day(0),
            "both"
        )]
    }

    fn on_progressed(&mut self, home: &str, progressed: &DeliveryProgressed) -> Vec<String> {
        let Some(of) = &progressed.of else { return Vec::new() };
        if progressed.step != "order" {
            return Vec::new();
        }
        let order = self.orders.entry(of.touchpoint_id.clone()).or_default();
        match progressed.state() {
            StepState::Accepted | StepState::Found => {
                order.vendor_id.clone_from(&progressed.vendor_id);
                order.amount = convert::from_money(progressed.amount.as_ref());
                order.found = progressed.state() == StepState::Found;
                Vec::new()
            }
            StepState::Unknown => {
                let what = format!("{} did not answer", title(&progressed.vendor));
                let note = self.paint.yellow("! unknown: not ordering twice, looking it up");
                vec![self.line(of, home, &what, &note)]
            }
            _ => Vec::new(),
        }
    }

    fn on_concluded(
        &mut self,
        home: &str,
        concluded: &DeliveryConcluded,
        sandbox: &impl Sandboxed,
    ) -> Vec<String> {
        let Some(of) = &concluded.of else { return Vec::new() };
        let subject = sandbox.subject_of(&of.touchpoint_id).unwrap_or_default();
        let order = self.orders.remove(&of.touchpoint_id).unwrap_or_default();
        let (what, note) = match (concluded.outcome(), of.channel()) {
            (DeliveryOutcome::Delivered, Channel::Gift) if !concluded.without_gift.is_empty() => {
                let note = format!("! no gift ({}); mail \"{subject}\"", concluded.without_gift);
                ("mail".to_owned(), self.paint.yellow(&note))
            }
            (DeliveryOutcome::Delivered, Channel::Gift) => {
                let amount = order.amount.map(dollars).unwrap_or_default();
                let what = format!("Tremendous order {}  {amount}", order.vendor_id);
                let found = if order.found { "found, ordered once; " } else { "" };
                (what, format!("{} {found}mail \"{subject}\"", self.paint.green("✓")))
            }
            (DeliveryOutcome::Delivered, _) => {
                ("mail".to_owned(), format!("{} \"{subject}\"", self.paint.green("✓")))
            }
            (outcome, _) => {
                let word = outcome.as_str_name().trim_start_matches("DELIVERY_OUTCOME_").to_lowercase();
                (String::new(), self.paint.red(&format!("✗ {word}: {}", concluded.reason)))
            }
        };
        vec![self.line(of, home, &what, &note)]
    }

    fn on_closed(&mut self, home: &str, closed: &ObligationClosed) {
        self.open.remove(&(home.to_owned(), closed.moment.clone()));
        match closed.outcome() {
            ObligationOutcome::Delivered => self.delivered += 1,
            ObligationOutcome::Late => {
                self.delivered += 1;
                self.late += 1;
            }
            _ => self.missed += 1,
        }
    }

    /// The last line of the story.
    pub(crate) fn summary(&self, sandbox: &impl Sandboxed, budget: Money) -> String {
        let (gifts, twice) = sandbox.gifts();
        let budgets = i64::try_from(self.enrolled.len()).unwrap_or(1);
        let total = Money::new(budget.minor * budgets, budget.currency);
        format!(
            "{} moments promised · {} delivered · {} late · {} missed · {twice} twice · gifts {} of {}",
            self.promised,
            self.delivered,
            self.late,
            self.missed,
            dollars(gifts),
            dollars(total)
        )
    }

    /// The line that moves while nothing happens: `day 12 ▕██░░░░░▏ next: day 18`. It never runs behind
    /// what was told already; `day_of` is the journey's day of an instant.
    pub(crate) fn live(&self, now: Timestamp, day_of: impl Fn(Timestamp) -> i32) -> String {
        const CELLS: i32 = 30;
        let day = day_of(now).max(self.told);
        let full = (day.clamp(0, 90) * CELLS / 90).clamp(0, CELLS);
        let bar: String = (0..CELLS).map(|cell| if cell < full { '█' } else { '░' }).collect();
        let next =
            self.open.values().min().map(|planned| format!(" next: day {}", day_of(*planned).max(day)));
        format!("day {day:>2} ▕{bar}▏{}", next.unwrap_or_default())
    }

    fn day(&self, day: i32) -> String {
        self.paint.dim(&format!("day {day:>2}"))
    }

    fn line(&mut self, of: &DeliveryOf, home: &str, what: &str, note: &str) -> String {
        let label =
            MOMENTS.iter().find(|(id, _)| *id == of.moment).map_or(of.moment.as_str(), |(_, label)| label);
        let customer = self.paint.bold(&format!("{:<CUSTOMER$}", self.customer(home)));
        self.told = self.told.max(of.day);
        let line = format!("{}  {customer}  {label:<MOMENT$}  {what:<WHAT$}  {note}", self.day(of.day));
        line.trim_end().to_owned()
    }
}

fn title(vendor: &str) -> String {
    let mut letters = vendor.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `$48,000` or `$25.00`: whole thousands without cents, as people write them.
pub(crate) fn dollars(amount: Money) -> String {
    let decimal = amount.decimal();
    let (whole, cents) = decimal.split_once('.').unwrap_or((&decimal, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let cents = if whole.len() > 4 || cents.is_empty() { String::new() } else { format!(".{cents}") };
    let symbol = if amount.currency == afterglow_domain::Currency::USD {
        "$".to_owned()
    } else {
        format!("{} ", amount.currency)
    };
    format!("{symbol}{grouped}{cents}")
}

#[cfg(test)]
mod tests;
