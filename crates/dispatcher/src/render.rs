//! The bytes of orders and mails: made once, before the call, and stored.
//!
//! Invariant: strict about gaps. A mail that cannot be written is not sent, and the reason names the
//! template and the variable, never a value. Where there is no owner the company signs, and a customer
//! whose company is not known is `your company`: nothing is claimed that is not so, and a line says it.

use std::time::Duration;

use afterglow_domain::{Sensitive, Timestamp};
use afterglow_events::proto::Recipient;
use afterglow_providers::{Envelope, GiftOrder, GiftVendor, Mail, Mailbox, Mailer};
use afterglow_service::unsubscribe::{Unsubscribe, sign};
use afterglow_templates::Template;
use serde_json::{Value, json};

use crate::options::Options;
use crate::touchpoint::{Step, Touchpoint};
use crate::turn::Turn;
use crate::{codes, metric};

const DAY: Duration = Duration::from_hours(24);

/// The bytes of a gift's order.
pub(crate) fn order(
    touchpoint: &Touchpoint,
    options: &Options,
    gifts: &impl GiftVendor,
) -> Result<Sensitive<Vec<u8>>, String> {
    let deed = touchpoint.gift().ok_or("the touchpoint has no gift")?;
    let amount = touchpoint.worth().ok_or("the gift has no worth")?;
    let product = options
        .product(&deed.pick)
        .ok_or_else(|| format!("no product is configured for pick {:?}, and no default", deed.pick))?;
    let recipient = touchpoint.due.recipient.as_ref().ok_or("the touchpoint has no recipient")?;
    let order = GiftOrder {
        external_id: touchpoint.id.to_string(),
        amount,
        product: product.to_owned(),
        recipient_name: full_name(recipient).into(),
        recipient_email: touchpoint.address().into(),
    };
    gifts.request(&order).map(Sensitive::new).map_err(|error| error.to_string())
}

/// Stands for the gift's link while the mail is rehearsed.
const REHEARSED_LINK: &str = "https://gift.example/rehearsed";

/// Whether the mail of a gift can be written at all: asked before the gift is ordered, so that no money is
/// spent on a gift that nobody would hear of.
pub(crate) fn rehearse(touchpoint: &Touchpoint, turn: &Turn<'_>, mailer: &impl Mailer) -> Result<(), String> {
    write(touchpoint, turn, mailer, Some(REHEARSED_LINK)).map(drop)
}

/// The envelope and the bytes of the mail of the notify step.
pub(crate) fn mail(
    touchpoint: &Touchpoint,
    turn: &Turn<'_>,
    mailer: &impl Mailer,
) -> Result<(Envelope, Sensitive<Vec<u8>>), String> {
    let link = touchpoint.state.gift.as_ref().and_then(|gift| gift.link.as_ref());
    let written = write(touchpoint, turn, mailer, link.map(|link| link.expose().as_str()))?;
    for variable in instead(touchpoint) {
        metrics::counter!(metric::WORDS_INSTEAD, "variable" => variable).increment(1);
        tracing::warn!(code = codes::WORDS_INSTEAD, touchpoint = %touchpoint.id, variable,
            "the CRM does not tell it; the mail is written with other words");
    }
    Ok(written)
}

/// Who stands for a company of which no name is known.
const SOME_COMPANY: &str = "your company";

/// What a mail is written without. Tasks go to our own staff, and say what they can.
fn instead(touchpoint: &Touchpoint) -> Vec<&'static str> {
    if touchpoint.is_task() {
        return Vec::new();
    }
    let owner = touchpoint.due.owner.clone().unwrap_or_default();
    let names_account = touchpoint.content().is_some_and(|content| content.source.contains("account.name"));
    let unknown = [
        ("owner.name", full_name(&owner).is_empty()),
        ("owner.email", owner.email.trim().is_empty()),
        ("account.name", names_account && variable(touchpoint, "account.name").is_none()),
    ];
    unknown.into_iter().filter(|(_, unknown)| *unknown).map(|(name, _)| name).collect()
}

fn variable<'a>(touchpoint: &'a Touchpoint, name: &str) -> Option<&'a str> {
    touchpoint.due.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn write(
    touchpoint: &Touchpoint,
    turn: &Turn<'_>,
    mailer: &impl Mailer,
    gift_link: Option<&str>,
) -> Result<(Envelope, Sensitive<Vec<u8>>), String> {
    let content = touchpoint.content().ok_or("the touchpoint has no text")?;
    let template =
        Template::parse(&content.name, &content.source).map_err(|error| format!("template {error}"))?;
    let unsubscribe = unsubscribe_url(touchpoint, turn);
    let values = values(touchpoint, turn, unsubscribe.as_deref(), gift_link);
    let rendered = template.render(&values).map_err(|error| format!("template {error}"))?;
    let options = turn.options;
    let recipient = touchpoint.due.recipient.clone().unwrap_or_default();
    let domain = options.from_address.expose().rsplit('@').next().unwrap_or_default();
    let mail = Mail {
        message_id: format!("{}.{}@{domain}", touchpoint.id, Step::Notify.as_str()),
        date: turn.wall,
        from: Mailbox::new(sender_name(touchpoint, options), options.from_address.expose().as_str()),
        reply_to: reply_to(touchpoint),
        to: Mailbox::new(full_name(&recipient), touchpoint.address()),
        subject: rendered.subject.into(),
        text: rendered.text.into(),
        html: Some(rendered.html.into()),
        list_unsubscribe_url: unsubscribe,
    };
    let bytes = mailer.compose(&mail).map_err(|error| error.to_string())?;
    Ok((mail.envelope(), Sensitive::new(bytes)))
}

fn full_name(person: &Recipient) -> String {
    format!("{} {}", person.first_name, person.last_name).trim().to_owned()
}

fn company<'a>(touchpoint: &'a Touchpoint, options: &'a Options) -> &'a str {
    variable(touchpoint, "sender.company").unwrap_or(&options.from_name)
}

/// "Mia Brandt at Acme": the mail comes from a person, by the company's address.
fn sender_name(touchpoint: &Touchpoint, options: &Options) -> String {
    let owner = touchpoint.due.owner.as_ref().map(full_name).unwrap_or_default();
    if owner.is_empty() || touchpoint.is_task() {
        return options.from_name.clone();
    }
    format!("{owner} at {}", company(touchpoint, options))
}

/// An answer reaches the owner.
fn reply_to(touchpoint: &Touchpoint) -> Option<Mailbox> {
    let owner = touchpoint.due.owner.as_ref().filter(|owner| !owner.email.trim().is_empty())?;
    (!touchpoint.is_task()).then(|| Mailbox::new(full_name(owner), owner.email.trim()))
}

/// The signed link; tasks have none, since they go to our own staff.
fn unsubscribe_url(touchpoint: &Touchpoint, turn: &Turn<'_>) -> Option<String> {
    let (_, address_hmac) = turn.address_key(touchpoint)?;
    let link = Unsubscribe { home: touchpoint.home.clone(), touchpoint: touchpoint.id, address_hmac };
    let token = sign(&turn.options.unsubscribe_key, &link);
    Some(format!("{}/u/{token}", turn.options.public_url))
}

/// The closed vocabulary of `templates`, as far as this touchpoint has values.
fn values(
    touchpoint: &Touchpoint,
    turn: &Turn<'_>,
    unsubscribe: Option<&str>,
    gift_link: Option<&str>,
) -> Value {
    let due = &touchpoint.due;
    let recipient = due.recipient.clone().unwrap_or_default();
    let company = company(touchpoint, turn.options);
    let mut values = json!({
        "recipient": {"first_name": recipient.first_name, "last_name": recipient.last_name},
        "owner": owner(touchpoint, turn.options),
        "account": {"name": account_name(touchpoint)},
        "sender": {"company": company, "signature": signature(touchpoint, company)},
        "unsubscribe": {"link": unsubscribe},
    });
    if let (Some(link), Some(worth)) = (gift_link, touchpoint.worth()) {
        let days = DAY * turn.options.gift_valid_days;
        values["gift"] = json!({
            "link": link, "worth": worth.to_string(), "expires_on": day_of(turn.journey.plus(days)),
        });
    }
    // The engine's variables are not personal; they never replace one of the above.
    for (name, value) in &due.variables {
        if let Some((object, field)) = name.split_once('.')
            && values[object].get(field).is_none()
        {
            values[object][field] = json!(value);
        }
    }
    values
}

/// Who the mail is from: the owner, and the company for what is not known of one.
fn owner(touchpoint: &Touchpoint, options: &Options) -> Value {
    let owner = touchpoint.due.owner.clone().unwrap_or_default();
    let name = or(full_name(&owner), company(touchpoint, options));
    let email = or(owner.email, options.from_address.expose());
    json!({"first_name": or(owner.first_name, &name), "name": name, "email": email})
}

/// The owner and the company, or the company alone.
fn signature(touchpoint: &Touchpoint, company: &str) -> String {
    let owner = touchpoint.due.owner.as_ref().map(full_name).unwrap_or_default();
    if owner.is_empty() { company.to_owned() } else { format!("{owner}, {company}") }
}

/// A deal's name is for our own staff only: it often says what the customer must not read.
fn account_name(touchpoint: &Touchpoint) -> Option<&str> {
    let instead =
        || if touchpoint.is_task() { variable(touchpoint, "deal.name") } else { Some(SOME_COMPANY) };
    variable(touchpoint, "account.name").or_else(instead)
}

fn or(known: String, otherwise: &str) -> String {
    if known.trim().is_empty() { otherwise.to_owned() } else { known }
}

/// `5 March 2027`: no reader takes the month for the day.
fn day_of(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}
