//! Enough of Salesforce's query language to answer a reader honestly: it gets the fields that it asked
//! for, and an error for a field that does not exist.
//!
//! Conditions are read for the ids in them; functions, aggregates and joins by conditions are refused.

use serde_json::{Map, Value, json};

/// A parsed query.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) object: String,
    pub(super) fields: Vec<Field>,
    /// Every quoted text of the condition that looks like a record id; empty: no such condition.
    pub(super) ids: Vec<String>,
    pub(super) newest_first: bool,
    pub(super) limit: usize,
}

/// What is asked of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Field {
    /// `Name`, `Owner.Name`.
    Path(Vec<String>),
    /// `(SELECT … FROM OpportunityContactRoles)`.
    Children { relation: String, fields: Vec<Field> },
}

/// An error as Salesforce names it: code and message.
pub(super) type Refusal = (&'static str, String);

fn malformed(what: &str) -> Refusal {
    ("MALFORMED_QUERY", format!("the sandbox does not read this query: {what}"))
}

pub(super) fn parse(text: &str) -> Result<Query, Refusal> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (fields, rest) = select(&text)?;
    let (object, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let upper = rest.to_uppercase();
    let limit = upper.rsplit_once("LIMIT ").map(|(_, n)| n.split(' ').next().unwrap_or_default());
    let limit = limit.map_or(Ok(2000), |n| n.parse().map_err(|_| malformed("LIMIT is no number")))?;
    let quoted = rest.split('\'').skip(1).step_by(2);
    let ids = quoted.filter(|text| is_id(text)).map(str::to_owned).collect();
    let newest_first = upper.contains("ORDER BY") && upper.contains(" DESC");
    Ok(Query { object: object.to_owned(), fields, ids, newest_first, limit })
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `SELECT fields FROM` and what follows it.
fn select(text: &str) -> Result<(Vec<Field>, &str), Refusal> {
    let start = text
        .get(..7)
        .filter(|word| word.eq_ignore_ascii_case("SELECT "))
        .ok_or_else(|| malformed("no SELECT"))?;
    let text = &text[start.len()..];
    let (mut depth, mut begin, mut fields) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or_else(|| malformed("a bracket is not open"))?,
            ',' if depth == 0 => {
                fields.push(field(&text[begin..at])?);
                begin = at + 1;
            }
            ' ' if depth == 0
                && text[at..].get(..6).is_some_and(|word| word.eq_ignore_ascii_case(" FROM ")) =>
            {
                fields.push(field(&text[begin..at])?);
                return Ok((fields, &text[at + 6..]));
            }
            _ => {}
        }
    }
    Err(malformed("no FROM"))
}

fn field(text: &str) -> Result<Field, Refusal> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let (fields, rest) = select(inner.trim())?;
        let relation = rest.split(' ').next().unwrap_or_default().to_owned();
        return Ok(Field::Children { relation, fields });
    }
    let name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let path: Vec<String> = text.split('.').map(str::to_owned).collect();
    if path.iter().all(|part| name(part)) { Ok(Field::Path(path)) } else { Err(malformed(text)) }
}

/// The asked fields of a record that has them all.
pub(super) fn project(object: &str, record: &Value, fields: &[Field]) -> Result<Value, Refusal> {
    let mut out = Map::new();
    out.insert("attributes".to_owned(), json!({"type": object}));
    for field in fields {
        match field {
            Field::Path(path) => copy(object, record, path, &mut out)?,
            Field::Children { relation, fields } => {
                let children = record.get(relation).and_then(Value::as_array).ok_or_else(|| {
                    (
                        "INVALID_TYPE",
                        format!("Didn't understand relationship '{relation}' in FROM part of query call"),
                    )
                })?;
                let rows: Result<Vec<Value>, Refusal> =
                    children.iter().map(|child| project(relation, child, fields)).collect();
                let rows = rows?;
                // No children are null, not an empty list.
                let value = match rows.len() {
                    0 => Value::Null,
                    size => json!({"totalSize": size, "done": true, "records": rows}),
                };
                out.insert(relation.clone(), value);
            }
        }
    }
    Ok(Value::Object(out))
}

fn copy(object: &str, record: &Value, path: &[String], out: &mut Map<String, Value>) -> Result<(), Refusal> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let value = record.get(first).filter(|value| !value.is_array()).ok_or_else(|| {
        ("INVALID_FIELD", format!("No such column '{first}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name."))
    })?;
    if rest.is_empty() || value.is_null() {
        out.insert(first.clone(), value.clone());
        return Ok(());
    }
    let parent = out.entry(first.clone()).or_insert_with(|| json!({"attributes": {"type": first}}));
    match parent.as_object_mut() {
        Some(parent) => copy(first, value, rest, parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_gets_what_it_asks_for_and_no_more() {
        let query = parse(
            "SELECT Id, Owner.Name,\n (SELECT Role FROM OpportunityContactRoles) FROM Opportunity
             WHERE Id IN ('006xx000001a2bcAAA') ORDER BY CreatedDate DESC LIMIT 5",
        )
        .unwrap();
        assert_eq!((query.object.as_str(), query.limit, query.newest_first), ("Opportunity", 5, true));
        assert_eq!(query.ids, ["006xx000001a2bcAAA"]);
        let record = json!({"Id": "1", "Name": "n", "Owner": {"Name": "Sam", "Email": "e"},
                            "OpportunityContactRoles": [{"Role": "Champion", "Id": "2"}]});
        let got = project("Opportunity", &record, &query.fields).unwrap();
        assert_eq!(got["Owner"], json!({"attributes": {"type": "Owner"}, "Name": "Sam"}));
        assert_eq!(got["OpportunityContactRoles"]["records"][0]["Role"], "Champion");
        assert!(got.get("Name").is_none());
    }

    #[test]
    fn an_unknown_field_and_an_unread_query_are_refused() {
        let query = parse("SELECT CurrencyIsoCode FROM Opportunity").unwrap();
        let (code, message) = project("Opportunity", &json!({"Id": "1"}), &query.fields).unwrap_err();
        assert_eq!(code, "INVALID_FIELD");
        assert!(message.contains("'CurrencyIsoCode'"), "{message}");
        for bad in
            ["DELETE FROM x", "SELECT COUNT(Id) FROM Opportunity", "SELECT Id", "SELECT Id FROM x LIMIT y"]
        {
            assert_eq!(parse(bad).unwrap_err().0, "MALFORMED_QUERY", "{bad}");
        }
    }
}
