//! Every file that a definition names is read, and must fit its use.

use std::collections::BTreeMap;

use afterglow_templates::{Error, Kind, Template, check};

use crate::definition::{Deed, Definition};
use crate::finding::Finding;
use crate::publish::Files;
use crate::read::Report;
use crate::yaml::Spot;

/// Reads and checks the texts; each is returned once, by its name.
pub(crate) fn check_texts(
    report: &mut Report<'_>,
    definition: &Definition,
    files: &dyn Files,
) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (file, kind, field) in uses(definition) {
        let text = match files.read(file) {
            Ok(text) => text,
            Err(error) => {
                let remedy = format!("write {file} beside the journey file, or correct the name");
                report.at("J019", &field, format!("{file}: {error}"), remedy);
                continue;
            }
        };
        check_text(report, file, kind, &text);
        texts.insert(file.to_owned(), text);
    }
    texts
}

fn uses(definition: &Definition) -> Vec<(&str, Kind, String)> {
    let mut uses = vec![(definition.no_recipient.as_str(), Kind::Task, "no_recipient.task".to_owned())];
    for moment in &definition.moments {
        let field = |key: &str| format!("moments[{}].{key}", moment.id);
        match &moment.deed {
            Deed::Gift { mail, mail_without_gift, .. } => {
                uses.push((mail, Kind::GiftMail, field("gift.mail")));
                if let Some(note) = mail_without_gift {
                    uses.push((note, Kind::Mail, field("gift.mail_without_gift")));
                }
            }
            Deed::Mail { mail } => uses.push((mail, Kind::Mail, field("mail"))),
            Deed::Task { task } => uses.push((task, Kind::Task, field("task"))),
        }
    }
    uses
}

fn check_text(report: &mut Report<'_>, file: &str, kind: Kind, text: &str) {
    let mut add = |code, line, message: String, remedy: String| {
        let mut finding = crate::read::place(code, file, text, Spot { line, ..Spot::START });
        (finding.message, finding.remedy) = (message, remedy);
        if let Some(snippet) = &mut finding.snippet {
            snippet.width = snippet.text.chars().count().max(1);
        }
        let same = |other: &Finding| other == &finding;
        if !report.findings.iter().any(same) {
            report.findings.push(finding);
        }
    };
    match Template::parse(file, text) {
        Err(Error::Source { line, problem, remedy, .. }) => add("J020", line, problem, remedy),
        Err(other) => add("J020", 1, other.to_string(), "correct the file".to_owned()),
        Ok(template) => {
            for problem in check(&template, kind) {
                add("J021", problem.line, problem.message, problem.remedy);
            }
        }
    }
}
