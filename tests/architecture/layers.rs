//! The layer table of `crates/README.md` as data: which crate stands where, and which heavy library lives
//! in which crates. The test beside it reads the manifests and the sources and refuses what differs.

/// Each crate with its layer. A crate depends on lower layers only.
pub const LAYERS: &[(&str, u8)] = &[
    ("afterglow-domain", 0),
    ("afterglow-events", 1),
    ("afterglow-rate", 1),
    ("afterglow-templates", 1),
    ("afterglow-trace", 1),
    // Above templates: its linter checks them.
    ("afterglow-journey", 2),
    ("afterglow-eventlog", 2),
    ("afterglow-durable", 2),
    ("afterglow-crm", 2),
    ("afterglow-providers", 2),
    ("afterglow-service", 2),
    ("afterglow-ingest", 3),
    ("afterglow-journey-engine", 3),
    ("afterglow-dispatcher", 3),
    ("afterglow-sandbox", 3),
    ("afterglow", 4),
];

/// Libraries that only these crates may name. Tests may use them everywhere.
pub const HOMES: &[(&str, &[&str])] = &[
    ("rdkafka", &["afterglow-eventlog"]),
    ("reqwest", &["afterglow-crm", "afterglow-providers", "afterglow-service"]),
    (
        "sqlx",
        &[
            "afterglow-eventlog",
            "afterglow-durable",
            "afterglow-ingest",
            "afterglow-journey-engine",
            "afterglow-dispatcher",
        ],
    ),
    ("quick-xml", &["afterglow-crm"]),
    ("lettre", &["afterglow-providers"]),
    ("minijinja", &["afterglow-templates"]),
    ("granit-parser", &["afterglow-journey"]),
    ("anyhow", &["afterglow-service", "afterglow"]),
    ("governor", &["afterglow-rate"]),
    ("mail-parser", &["afterglow-sandbox"]),
    ("opentelemetry", &["afterglow-trace", "afterglow-service"]),
    ("opentelemetry_sdk", &["afterglow-trace", "afterglow-service"]),
    ("opentelemetry-proto", &["afterglow-service"]),
];

/// The longest source file allowed, in lines, tests included.
pub const FILE_LINES_MAX: usize = 500;
