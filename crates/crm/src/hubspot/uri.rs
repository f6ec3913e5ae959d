//! The spelling of a URI that HubSpot signs with v3: twelve percent codes decoded, nothing else.

use std::borrow::Cow;

/// HubSpot's table ("Validating requests", v3): these codes, upper case, are decoded before signing.
const TABLE: [(&str, char); 12] = [
    ("%3A", ':'),
    ("%2F", '/'),
    ("%3F", '?'),
    ("%40", '@'),
    ("%21", '!'),
    ("%24", '$'),
    ("%27", '\''),
    ("%28", '('),
    ("%29", ')'),
    ("%2A", '*'),
    ("%2C", ','),
    ("%3B", ';'),
];

/// The URI with the table's codes decoded in one pass, so that `%253A` stays as it is.
pub(super) fn decoded(uri: &str) -> Cow<'_, str> {
    if !uri.contains('%') {
        return Cow::Borrowed(uri);
    }
    let mut out = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((code, plain)) = TABLE.iter().find(|(code, _)| rest.starts_with(code)) {
            out.push(*plain);
            rest = &rest[code.len()..];
        } else {
            out.push('%');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Other spellings of a public URL that proxies and typing errors produce, each with what an operator
/// should change. Only for diagnosis: a request that matches one of these is still refused.
pub(super) fn near_misses(uri: &str) -> Vec<(String, &'static str)> {
    let mut near = Vec::new();
    if let Some(rest) = uri.strip_prefix("https://") {
        near.push((format!("http://{rest}"), "would match if the scheme of public_url were http"));
    } else if let Some(rest) = uri.strip_prefix("http://") {
        near.push((format!("https://{rest}"), "would match if the scheme of public_url were https"));
    }
    let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    let tail = query.map(|query| format!("?{query}")).unwrap_or_default();
    match path.strip_suffix('/') {
        Some(bare) => near.push((format!("{bare}{tail}"), "would match without the slash at the path's end")),
        None => near.push((format!("{path}/{tail}"), "would match with a slash at the path's end")),
    }
    if query.is_some() {
        near.push((path.to_owned(), "would match without the query"));
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_table_and_nothing_else() {
        assert_eq!(
            decoded("https://a.example/x%3Ay%2Fz?q=%40%21%24%27%28%29%2A%2C%3B%3F"),
            "https://a.example/x:y/z?q=@!$'()*,;?"
        );
        for kept in ["%253A", "%20", "%26", "%3D", "%25", "%3a", "%", "%4", "ü%C3"] {
            assert_eq!(decoded(kept), kept);
        }
    }
}
