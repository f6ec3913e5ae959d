//! The examples in the contract's README are the files that run.

use std::path::Path;

/// Each block that a line `[file](path)` announces is that file.
#[test]
fn what_the_readme_shows_is_what_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(folder.join("../../proto/README.md")).unwrap();
    for file in [
        "python/requirements.txt",
        "python/read.py",
        "python/unsubscribe.py",
        "kafkajs/read.js",
        "kafkajs/unsubscribe.js",
        "kcat/read.sh",
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let link = format!("](../tests/clients/{file})");
        let (_, after) =
            readme.split_once(&link).unwrap_or_else(|| panic!("proto/README.md does not name {file}"));
        let (_, after) = after.split_once("\n```").unwrap();
        let (_, block) = after.split_once('\n').unwrap();
        let (block, _) = block.split_once("\n```\n").unwrap();
        assert_eq!(format!("{block}\n"), text, "{file} differs from what proto/README.md shows");
    }
}
