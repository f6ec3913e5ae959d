//! Which variables exist, and what a text of each kind must and must not contain.

use crate::template::Template;

/// The closed vocabulary: each variable and what it means.
pub const KNOWN: &[(&str, &str)] = &[
    ("recipient.first_name", "the recipient's first name"),
    ("recipient.last_name", "the recipient's last name"),
    ("account.name", "the customer's company; `your company` where it is not known"),
    ("deal.name", "the deal as the CRM calls it"),
    ("owner.name", "the deal owner's full name; the company that sends where there is no owner"),
    ("owner.first_name", "the deal owner's first name; likewise"),
    ("owner.email", "the deal owner's address; the address that sends where there is none"),
    ("sender.company", "the company that sends"),
    (
        "sender.signature",
        "the deal owner's name and the company that sends; the company alone without an owner",
    ),
    ("unsubscribe.link", "where the recipient ends these mails"),
    ("gift.link", "where the gift waits; in a gift's own mail only"),
    ("gift.worth", "what the gift is worth, such as 25 USD; in a gift's own mail only"),
    (
        "gift.expires_on",
        "the day until which the gift should be taken, 90 days from its mail; in a gift's own mail only",
    ),
    ("task.reason", "why the owner is asked; in tasks only"),
];

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A mail to the recipient, without a gift.
    Mail,
    /// The mail that brings a gift.
    GiftMail,
    /// A task for the deal's owner.
    Task,
}

/// Something a publisher must change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything that is wrong with a text that is to be used as `kind`.
pub fn check(template: &Template, kind: Kind) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        template.variables().iter().filter_map(|variable| wrong_variable(template, kind, variable)).collect();
    match kind {
        Kind::Task => {}
        Kind::Mail => demand(template, "unsubscribe.link", &mut problems),
        Kind::GiftMail => {
            demand(template, "unsubscribe.link", &mut problems);
            demand(template, "gift.link", &mut problems);
            problems.extend(foreign_links(template));
        }
    }
    problems
}

fn wrong_variable(template: &Template, kind: Kind, variable: &str) -> Option<Problem> {
    let problem =
        |message: String, remedy: String| Some(Problem { line: template.line_of(variable), message, remedy });
    if !KNOWN.iter().any(|(name, _)| *name == variable) {
        let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
        let near = names.iter().find(|name| name.rsplit('.').next() == variable.rsplit('.').next());
        let remedy = match near {
            Some(name) => format!("did you mean {{{{ {name} }}}}?"),
            None => format!("use one of {}", names.join(", ")),
        };
        return problem(format!("the variable {variable} does not exist"), remedy);
    }
    let owner_of_word = variable.split('.').next().unwrap_or_default();
    match (kind, owner_of_word) {
        (Kind::Mail | Kind::Task, "gift") => problem(
            format!("{variable} exists only in the mail that brings a gift"),
            "take it out, or use the file as `mail` of a gift".to_owned(),
        ),
        (Kind::Mail | Kind::GiftMail, "task") => {
            problem(format!("{variable} exists only in tasks"), "take it out".to_owned())
        }
        (Kind::Task, "recipient" | "unsubscribe") => problem(
            format!("a task goes to the deal's owner, {variable} belongs to mails to the recipient"),
            "name the customer with account.name or deal.name".to_owned(),
        ),
        _ => None,
    }
}

fn demand(template: &Template, variable: &str, problems: &mut Vec<Problem>) {
    if !template.variables().contains(variable) {
        problems.push(Problem {
            line: template.last_line(),
            message: format!("{{{{ {variable} }}}} is missing"),
            remedy: format!("add a link such as [text]({{{{ {variable} }}}})"),
        });
    }
}

/// A gift that asks for something makes people angry: its mail has one link, the gift.
fn foreign_links(template: &Template) -> Vec<Problem> {
    let allowed = |url: &str| url.contains("gift.link") || url.contains("unsubscribe.link");
    let links = template.links().into_iter().filter(|(_, url)| !allowed(url));
    links
        .map(|(line, url)| Problem {
            line,
            message: format!("a gift's mail has one link, the gift; this one leads to {url}"),
            remedy: "move the link to a mail of its own, at least a week away".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(kind: Kind, source: &str) -> Vec<String> {
        let template = Template::parse("t.md", source).unwrap();
        check(&template, kind)
            .into_iter()
            .map(|p| format!("{}: {} -> {}", p.line, p.message, p.remedy))
            .collect()
    }

    #[test]
    fn unknown_and_misplaced_variables_are_found_with_their_line() {
        let found = problems(
            Kind::Mail,
            "Subject: x\n\nHi {{ contact.first_name }}\n{{ gift.link }} {{ unsubscribe.link }}\n",
        );
        assert_eq!(
            found,
            [
                "3: the variable contact.first_name does not exist -> did you mean {{ recipient.first_name }}?",
                "4: gift.link exists only in the mail that brings a gift -> take it out, or use the file as `mail` of a gift",
            ]
        );
        assert_eq!(
            problems(Kind::Task, "Subject: x\n\n{{ recipient.first_name }} {{ task.reason }}\n").len(),
            1
        );
    }

    #[test]
    fn a_mail_needs_its_way_out_and_a_gift_its_one_link() {
        assert_eq!(problems(Kind::Mail, "Subject: x\n\nHi\n").len(), 1);
        let gift = "Subject: x\n\n[Coffee]({{ gift.link }}) [Review us](https://example.com)\n[Stop]({{ unsubscribe.link }})\n";
        let found = problems(Kind::GiftMail, gift);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("3: a gift's mail has one link"), "{found:?}");
        assert!(problems(Kind::GiftMail, &gift.replace("[Review us](https://example.com)", "")).is_empty());
    }
}
