//! Every relative link leads to a file that is there.

use crate::document::{ALL, read, root};

/// The targets of a document's inline links, without those to other sites and those shown as code.
fn targets(text: &str) -> Vec<String> {
    let prose: String =
        text.lines().map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`") + "\n").collect();
    let after = prose.split("](").skip(1);
    let target = |rest: &str| rest.split(')').next().unwrap_or_default().to_owned();
    after.map(target).filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let mut count = 0;
    for document in ALL {
        let folder = root().join(document).parent().unwrap().to_owned();
        let text = read(document);
        for target in targets(&text) {
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { root().join(document) } else { folder.join(path) };
            assert!(file.exists(), "{document} links to {target}, which is not there");
            if !anchor.is_empty() {
                let headings = headings(&std::fs::read_to_string(&file).unwrap());
                assert!(
                    headings.iter().any(|known| known == anchor),
                    "{document}: {target} names no heading of {headings:?}"
                );
            }
        }
    }
    assert!(count > 20, "only {count} links were found");
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let heading =
        |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let anchor = |title: String| -> String {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter_map(heading).map(anchor).collect()
}

#[test]
fn links_are_found_and_sites_left_out() {
    assert_eq!(targets("[`a`](b.md) ![c](../d.png#e) `[h](i)` [f](https://g)"), ["b.md", "../d.png#e"]);
    assert_eq!(headings("# One two\ntext\n## `A` & b, c?"), ["one-two", "a--b-c"]);
}
