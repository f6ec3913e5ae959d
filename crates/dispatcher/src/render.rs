//! The bytes of orders and mails: made once, before the call, and stored.
//!
//! Invariant: strict about gaps. A mail that cannot be written is not sent, and the reason names the
//! template and the variable, never a value.

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
    write(touchpoint, turn, mailer, link.map(|link| link.expose().as_str()))
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
    let named = touchpoint.due.variables.get("sender.company").map(String::as_str);
    named.filter(|name| !name.is_empty()).unwrap_or(&options.from_name)
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
    let owner = due.owner.clone().unwrap_or_default();
    let mut values = json!({
        "recipient": {"first_name": recipient.first_name, "last_name": recipient.last_name},
        "owner": {"name": full_name(&owner), "first_name": owner.first_name, "email": owner.email},
        "sender": {"company": company(touchpoint, turn.options)},
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

/// `5 March 2027`: no reader takes the month for the day.
fn day_of(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}
