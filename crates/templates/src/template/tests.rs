use super::*;
use serde_json::json;

const HELLO: &str = "Subject: Welcome, {{ recipient.first_name }}\n\nHi {{ recipient.first_name }},\n\ntake [your coffee]({{ gift.link }}).\n";

fn hello() -> Template {
    Template::parse("mails/hello.md", HELLO).unwrap()
}

#[test]
fn a_text_is_rendered_in_both_forms() {
    let variables: Vec<_> = hello().variables().iter().cloned().collect();
    assert_eq!(variables, ["gift.link", "recipient.first_name"]);
    let rendered = hello().render(
        &json!({"recipient": {"first_name": "Ann"}, "gift": {"link": "https://g.example/1?a=1&b=2"}}),
    );
    let rendered = rendered.unwrap();
    assert_eq!(rendered.subject, "Welcome, Ann");
    assert_eq!(rendered.text, "Hi Ann,\n\ntake your coffee (https://g.example/1?a=1&b=2).\n");
    assert!(
        rendered.html.contains("<p>take <a href=\"https://g.example/1?a=1&amp;b=2\">your coffee</a>.</p>")
    );
    assert!(!rendered.html.contains("<img"));
}

#[test]
fn a_gap_is_never_sent() {
    for values in [
        json!({}),
        json!({"recipient": {"first_name": ""}, "gift": {"link": "https://g.example"}}),
        json!({"recipient": {"first_name": "  "}, "gift": {"link": "https://g.example"}}),
        json!({"recipient": {"first_name": null}, "gift": {"link": "https://g.example"}}),
    ] {
        let error = hello().render(&values).err();
        assert!(matches!(error, Some(Error::Missing { .. })), "{values}: {error:?}");
    }
}

#[test]
fn a_value_is_never_markup_nor_a_header() {
    let name = "Bobby\r\nBcc: x@evil.example [click](https://evil.example) <b>{{ gift.link }}";
    let values = json!({"recipient": {"first_name": name}, "gift": {"link": "https://g.example/(1)"}});
    let rendered = hello().render(&values).unwrap();
    assert!(!rendered.subject.contains(['\r', '\n']));
    assert!(rendered.subject.contains("Bobby  Bcc:"), "{}", rendered.subject);
    assert!(!rendered.html.contains("href=\"https://evil.example"), "{}", rendered.html);
    assert!(rendered.html.contains("&lt;b&gt;{{ gift.link }}"));
    assert!(rendered.html.contains("href=\"https://g.example/(1)\""));
    assert!(rendered.text.contains("your coffee (https://g.example/(1))"));
}

#[test]
fn a_link_that_is_none_is_refused() {
    let values = json!({"recipient": {"first_name": "Ann"}, "gift": {"link": "javascript:alert(1)"}});
    assert!(matches!(hello().render(&values), Err(Error::Value { .. })));
}

#[test]
fn broken_files_are_refused_with_line_and_remedy() {
    for (source, starts) in [
        ("Hello\n\nx", "m.md:1: the first line is no subject"),
        ("Subject: \n\nx", "m.md:1: the first line is no subject"),
        ("Subject: a\nx", "m.md:2: no empty line after the subject"),
        ("Subject: a\n\n  \n", "m.md:3: the text is empty"),
        ("Subject: a\n\nx\n{% include 'b' %}", "m.md:4: `{% … %}`"),
        ("Subject: a\n\nx\n{{ recipient. }}", "m.md:4: "),
        ("Subject: a\n\nx {{ b | upper }} {{", "m.md:3: "),
    ] {
        let error = Template::parse("m.md", source).unwrap_err().to_string();
        assert!(error.starts_with(starts), "{source:?}: {error}");
    }
    assert!(Template::parse("m.md", &format!("Subject: a\n\n{}", "x".repeat(70_000))).is_err());
}

#[test]
fn windows_line_ends_are_line_ends() {
    let rendered =
        Template::parse("m.md", "Subject: a\r\n\r\nx\r\n\r\ny\r\n").unwrap().render(&json!({})).unwrap();
    assert_eq!(rendered.text, "x\n\ny\n");
}
