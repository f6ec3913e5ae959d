//! The document walk: elements by namespace, whatever their prefixes, within fixed limits.

use afterglow_domain::Sensitive;
use bytes::Bytes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::{Error, Message, Notification, Record};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
/// Fields are in the enterprise's or the partner's namespace, as the message was configured.
const RECORD_PREFIX: &str = "urn:sobject.";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

// Salesforce's own messages have 7 levels, 3 attributes and fewer than 1000 fields.
const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 256;
const ELEMENTS_MAX: usize = 4096;

/// Where in the document the walk stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Envelope,
    Body,
    Notifications,
    Organization,
    Notification,
    NotificationId,
    Record,
    Field,
    Elsewhere,
}

struct Walk<'b> {
    path: Vec<Place>,
    message: Message,
    seen_notifications: bool,
    /// The notification being read, and where it starts.
    current: Option<(usize, Notification)>,
    /// The field being read; its value is `None` while it is said to be null.
    field: Option<(String, bool)>,
    /// The text of the element being read.
    text: String,
    elements: usize,
    body: &'b Bytes,
    document: &'b str,
}

pub(super) fn document(body: &Bytes) -> Result<Message, Error> {
    let document = std::str::from_utf8(body).map_err(|_| refused("it is not UTF-8"))?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut reader = NsReader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk {
        path: Vec::new(),
        message: Message::default(),
        seen_notifications: false,
        current: None,
        field: None,
        text: String::new(),
        elements: 0,
        body,
        document,
    };
    loop {
        let before = position(&reader);
        match reader.read_event().map_err(|_| refused("it is not well-formed XML"))? {
            Event::Start(tag) => walk.open(&reader, &tag, before)?,
            Event::End(_) => walk.close(position(&reader))?,
            Event::Text(text) => walk.append(&text.xml10_content()),
            Event::CData(text) => walk.append(&text.xml10_content()),
            Event::GeneralRef(reference) => walk.append(character(&reference)?.encode_utf8(&mut [0; 4])),
            Event::DocType(_) => return Err(refused("it has a DTD")),
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if !walk.path.is_empty() {
        return Err(refused("it ends too early"));
    }
    if !walk.seen_notifications {
        return Err(refused("it has no notifications element of Salesforce's"));
    }
    Ok(walk.message)
}

impl Walk<'_> {
    fn open(&mut self, reader: &NsReader<&[u8]>, tag: &BytesStart<'_>, at: usize) -> Result<(), Error> {
        if self.path.len() >= DEPTH_MAX {
            return Err(refused("it is nested deeper than 64 levels"));
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(refused("it has more than 4096 elements in a notification"));
        }
        let mut attributes = tag.attributes();
        if attributes.with_checks(false).take(ATTRIBUTES_MAX + 1).count() > ATTRIBUTES_MAX {
            return Err(refused("it has more than 256 attributes in a tag"));
        }
        let (namespace, local) = reader.resolver().resolve_element(tag.name());
        let namespace = match namespace {
            ResolveResult::Bound(Namespace(name)) => name,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => "",
        };
        let place = self.place(namespace, local.as_ref());
        match place {
            Place::Notifications => self.seen_notifications = true,
            Place::Notification => {
                self.elements = 0;
                self.current = Some((at, Notification::default()));
            }
            Place::Record => self.begin_record(reader, tag)?,
            Place::Field => {
                let null = xsi(reader, tag, "nil")?.is_some_and(|nil| matches!(nil.as_str(), "true" | "1"));
                self.field = Some((local.as_ref().to_owned(), null));
            }
            _ => {}
        }
        if place != Place::Elsewhere {
            self.text.clear();
        }
        self.path.push(place);
        Ok(())
    }

    fn place(&self, namespace: &str, local: &str) -> Place {
        match (self.path.last(), namespace, local) {
            (None, SOAP, "Envelope") => Place::Envelope,
            (Some(Place::Envelope), SOAP, "Body") => Place::Body,
            (Some(Place::Body), OUTBOUND, "notifications") => Place::Notifications,
            (Some(Place::Notifications), OUTBOUND, "OrganizationId") => Place::Organization,
            (Some(Place::Notifications), OUTBOUND, "Notification") => Place::Notification,
            (Some(Place::Notification), OUTBOUND, "Id") => Place::NotificationId,
            (Some(Place::Notification), OUTBOUND, "sObject") => Place::Record,
            (Some(Place::Record), namespace, _) if namespace.starts_with(RECORD_PREFIX) => Place::Field,
            _ => Place::Elsewhere,
        }
    }

    fn begin_record(&mut self, reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Result<(), Error> {
        let kind = xsi(reader, tag, "type")?;
        let object_type = kind.map(|kind| kind.rsplit(':').next().unwrap_or_default().trim().to_owned());
        let record = Record { object_type: object_type.filter(|kind| !kind.is_empty()), ..Record::default() };
        if let Some((_, notification)) = &mut self.current
            && notification.record.replace(record).is_some()
        {
            return Err(refused("a notification has two records"));
        }
        Ok(())
    }

    fn append(&mut self, text: &str) {
        if matches!(self.path.last(), Some(Place::Organization | Place::NotificationId | Place::Field)) {
            self.text.push_str(text);
        }
    }

    fn close(&mut self, at: usize) -> Result<(), Error> {
        match self.path.pop() {
            Some(Place::Organization) => {
                let organization = self.text.trim().to_owned();
                if self.message.organization.replace(organization).is_some() {
                    return Err(refused("it names two organisations"));
                }
            }
            Some(Place::NotificationId) => {
                if let Some((_, notification)) = &mut self.current {
                    notification.id = Some(self.text.trim().to_owned());
                }
            }
            Some(Place::Field) => self.end_field(),
            Some(Place::Notification) => {
                if let Some((start, mut notification)) = self.current.take() {
                    notification.raw = self.body.slice_ref(&self.document.as_bytes()[start..at]);
                    self.message.notifications.push(notification);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_field(&mut self) {
        let (Some((_, notification)), Some((name, null))) = (&mut self.current, self.field.take()) else {
            return;
        };
        let Some(record) = &mut notification.record else { return };
        let value = (!null).then(|| Sensitive::new(std::mem::take(&mut self.text)));
        notification.ambiguous |= record.fields.insert(name, value).is_some();
    }
}

/// An attribute of the XML Schema instance namespace. Twice the same attribute is not well-formed.
fn xsi(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>, wanted: &str) -> Result<Option<String>, Error> {
    let mut found = None;
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| refused("it is not well-formed XML"))?;
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        if namespace == ResolveResult::Bound(Namespace(INSTANCE)) && local.as_ref() == wanted {
            found = Some(attribute.value.into_owned());
        }
    }
    Ok(found)
}

/// XML's own five entities and characters by number; every other entity needs a DTD.
fn character(reference: &BytesRef<'_>) -> Result<char, Error> {
    let broken = |_| refused("it has a broken character reference");
    if let Some(character) = reference.resolve_char_ref().map_err(broken)? {
        return Ok(character);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(refused("it has an entity")),
    }
}

fn position(reader: &NsReader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).expect("the document is in memory, so its offsets fit")
}

fn refused(reason: &'static str) -> Error {
    Error { reason }
}
