use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/afterglow.toml");
const SAMPLE_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/afterglow.toml");

/// Everything that is required, and nothing else.
const SMALL: &str = r#"
[http]
public_url = "https://journeys.example.com"

[unsubscribe]
secrets = [{ env = "KEY" }]

[dispatch]
suppression_key = { env = "KEY" }
"#;

const DATABASE_URL: &str = "postgres://afterglow:top-secret@db.example.com/afterglow?sslmode=verify-full";

const SCALED: &str = r#"
[log]
kind = "kafka"
brokers = "kafka-1.example.com:9093, kafka-2.example.com:9093"
linger_ms = 5
client = { "security.protocol" = "sasl_ssl", "sasl.password" = { env = "SECRET" } }

[store]
kind = "postgres"
url = { env = "DATABASE_URL" }
"#;

const HUBSPOT: &str = r#"
[[connection]]
id = "acme-hubspot"
tenant = "acme"
kind = "hubspot"
portal_id = 8515
token = { env = "TOKEN" }
secrets = [{ env = "SECRET" }]
zone = "Europe/Berlin"
"#;

fn env(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let given = [
        ("KEY", "0123456789abcdef0123456789abcdef"),
        ("TOKEN", "pat-eu1-top-secret"),
        ("SECRET", "5e884898-da28-4703-a151-2d9f8a1b9f3c"),
    ];
    given.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parse(text: &str, more: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    Config::parse(text, Path::new("/etc/afterglow/afterglow.toml"), env(more))
}

/// Code, field and line of every problem.
fn problems(text: &str, more: &[(&str, &str)]) -> Vec<(String, String, Option<usize>)> {
    let line = |place: &Place| match place {
        Place::File(_, line) => *line,
        Place::Environment(_) => None,
    };
    let problems = parse(text, more).expect_err("the configuration is wrong");
    problems.iter().map(|p| (p.code.to_string(), p.field.clone(), line(&p.place))).collect()
}

/// The sample with every setting that is commented out (`#: `) in force.
fn whole_sample() -> String {
    SAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn sample_env() -> BTreeMap<String, String> {
    let names = SAMPLE.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut env: BTreeMap<String, String> =
        names.map(|name| (name.to_owned(), "0123456789abcdef0123456789abcdef".to_owned())).collect();
    env.insert("DATABASE_URL".to_owned(), DATABASE_URL.to_owned());
    env
}

#[test]
fn the_sample_is_valid_as_it_is() {
    let config = Config::load(Path::new(SAMPLE_PATH), sample_env()).unwrap();
    assert_eq!(config.warnings, Vec::new());
    assert!(config.journeys[0].file.is_file());
}

/// The paths of all settings of a file, entries of lists without their number.
fn paths(node: &tree::Node, path: &str, found: &mut BTreeSet<String>) {
    match &node.value {
        tree::Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                found.insert(path.clone());
                paths(value, &path, found);
            }
        }
        tree::Value::List(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_sample_names_every_setting_and_no_other() {
    let text = whole_sample();
    let (result, known) = Config::parse_knowing(&text, Path::new(SAMPLE_PATH), sample_env());
    let mut named = BTreeSet::new();
    paths(&tree::parse(&text, Path::new(SAMPLE_PATH)).unwrap(), "", &mut named);
    let unnamed: Vec<&String> = known.difference(&named).collect();
    assert_eq!(unnamed, Vec::<&String>::new(), "settings that deploy/afterglow.toml does not name");
    // The sample's fast clock is refused, since its hosts are real; nothing else is wrong.
    let problems = result.expect_err("a fast clock with real hosts");
    assert!(problems.iter().all(|problem| problem.code == Code::SandboxHost), "{problems:#?}");
    assert_eq!(problems.len(), 9, "{problems:#?}");
}

#[test]
fn defaults_are_in_force_where_nothing_is_said() {
    let config = parse(&format!("{SMALL}{HUBSPOT}"), &[]).unwrap();
    assert_eq!(config.http.limits, crate::http::Limits::default());
    assert_eq!(config.data_dir, Path::new("/etc/afterglow/data"));
    assert_eq!((config.log.partitions, config.clock.speed()), (16, 1));
    assert_eq!(config.dispatch.budget_per_account_per_year.to_string(), "500 USD");
    let hubspot = &config.connections[0];
    assert_eq!(hubspot.base_url.as_str(), "https://api.hubapi.com");
    assert_eq!(hubspot.public_url, config.http.public_url);
    assert_eq!(hubspot.time_zone().iana_name(), Some("Europe/Berlin"));
}

#[test]
fn every_error_is_told_at_once_with_its_line() {
    let text = r#"
colour = "red"
[http]
listen = "nowhere"
idle_timeout_seconds = 0.5
connections_max = 0
[log]
partitions = 12
[[connection]]
id = "Acme"
tenant = "acme"
kind = "hubspot"
portal_id = "8515"
org_id = "00D5g000001a2bcEAA"
secrets = ["short"]
zone = "Europe/Berln"
[unsubscribe]
secrets = []
[dispatch]
budget_per_account_per_year = "500"
suppression_key = { file = "absent" }
[[journey]]
file = "absent.yaml"
tenant = "acme"
"#;
    let expected = [
        ("AG0003", "colour", 2),
        ("AG0004", "http.public_url", 3),
        ("AG0006", "http.listen", 4),
        ("AG0005", "http.idle_timeout_seconds", 5),
        ("AG0006", "http.connections_max", 6),
        ("AG0006", "log.partitions", 8),
        ("AG0004", "connection[0].token", 9),
        ("AG0006", "connection[0].id", 10),
        ("AG0005", "connection[0].portal_id", 13),
        ("AG0003", "connection[0].org_id", 14),
        ("AG0008", "connection[0].secrets", 15),
        ("AG0013", "connection[0].zone", 16),
        ("AG0006", "unsubscribe.secrets", 18),
        ("AG0006", "dispatch.budget_per_account_per_year", 20),
        ("AG0007", "dispatch.suppression_key", 21),
        ("AG0015", "journey", 22),
        ("AG0017", "journey[0].file", 23),
    ];
    let expected = expected.map(|(code, field, line)| (code.to_owned(), field.to_owned(), Some(line)));
    assert_eq!(problems(text, &[]), expected);
}

#[test]
fn syntax_errors_have_lines_and_no_followers() {
    let found = problems("[http]\nlisten = \n[log]\npartitions = 1 2\n", &[]);
    assert!(found.iter().all(|(code, ..)| code == "AG0002"), "{found:?}");
    assert_eq!(found.iter().map(|(.., line)| line.unwrap()).collect::<Vec<_>>(), [2, 4]);
    let unreadable = Config::load(Path::new("/nowhere/afterglow.toml"), []).unwrap_err();
    assert_eq!(unreadable[0].code, Code::Unreadable);
}

#[test]
fn the_environment_overrides_the_file() {
    let text = format!("{SMALL}{HUBSPOT}");
    let more = [
        ("AFTERGLOW__HTTP__LISTEN", "0.0.0.0:80"),
        ("AFTERGLOW__LOG__PARTITIONS", "32"),
        ("AFTERGLOW__CONNECTION__0__ALLOW_V1", "true"),
        ("AFTERGLOW__CONNECTION__0__TOKEN", "12345"),
        ("AFTERGLOW__RESOLVER__REREAD_SECONDS", "[1, 2]"),
        ("AFTERGLOW_OTHER", "not ours"),
    ];
    let config = parse(&text, &more).unwrap();
    assert_eq!((config.http.listen.port(), config.log.partitions), (80, 32));
    assert_eq!(config.resolver.reread_seconds, [1, 2]);
    assert!(matches!(config.connections[0].account, CrmAccount::Hubspot { allow_v1: true, .. }));
    assert_eq!(config.warnings, Vec::new(), "a secret in the environment is where it belongs");

    let wrong = [
        ("AFTERGLOW__CONNECTION__5__TOKEN", "x"),
        ("AFTERGLOW__HTTP__LISTEN__PORT", "80"),
        ("AFTERGLOW__LOG__PARTITIONS", "many"),
        ("AFTERGLOW__LOG__PARTS", "8"),
    ];
    let found: Vec<String> =
        parse(&text, &wrong).unwrap_err().iter().map(|p| format!("{} {}", p.code, p.place)).collect();
    let expected = [
        "AG0016 environment AFTERGLOW__CONNECTION__5__TOKEN",
        "AG0005 environment AFTERGLOW__HTTP__LISTEN__PORT",
        "AG0005 environment AFTERGLOW__LOG__PARTITIONS",
        "AG0003 environment AFTERGLOW__LOG__PARTS",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_fast_clock_never_meets_a_real_host() {
    let clock = "[clock]\nseconds_per_day = 1\n";
    let ours = problems(&format!("{SMALL}{clock}"), &[]);
    assert_eq!(ours[0].1, "http.public_url", "links in mails lead there");
    let small = SMALL.replace("https://journeys.example.com", "http://127.0.0.1:8080");
    let text = format!("{small}{clock}{HUBSPOT}");
    assert_eq!(problems(&text, &[])[0].0, "AG0011");
    let local = format!("{text}base_url = \"http://127.0.0.1:9000\"\n");
    assert_eq!(parse(&local, &[]).unwrap().clock.speed(), 86_400);
    let named = text.replace(clock, "[clock]\nseconds_per_day = 1\nsandbox_hosts = [\"fake-crm\"]\n");
    let named = format!("{named}base_url = \"http://fake-crm:9000\"\n");
    assert!(parse(&named, &[]).is_ok());
    let looks_local = format!("{text}base_url = \"http://127.0.0.1.evil.com\"\n");
    assert_eq!(problems(&looks_local, &[]).len(), 2, "neither a sandbox nor encrypted");
    assert_eq!(
        problems(&format!("{small}[clock]\nseconds_per_day = 7\n"), &[])[0].1,
        "clock.seconds_per_day"
    );
}

#[test]
fn plain_text_stays_on_this_machine() {
    let text = format!("{SMALL}{HUBSPOT}base_url = \"http://crm.example.com\"\n");
    let smtp = "[vendors.smtp]\nhost = \"mail.example.com\"\ntls = \"none\"\nfrom_address = \"a@b.c\"\nfrom_name = \"A\"\n";
    let found = problems(&format!("{text}{smtp}"), &[]);
    let fields: Vec<&str> = found.iter().map(|(_, field, _)| field.as_str()).collect();
    assert_eq!(fields, ["connection[0].base_url", "vendors.smtp.host"]);
    assert!(found.iter().all(|(code, ..)| code == "AG0014"));
}

#[test]
fn two_connections_have_two_ids() {
    let found = problems(&format!("{SMALL}{HUBSPOT}{HUBSPOT}"), &[]);
    assert_eq!(
        found.iter().map(|(code, field, _)| (code.as_str(), field.as_str())).collect::<Vec<_>>(),
        [("AG0010", "connection[1].id")]
    );
}

#[test]
fn what_is_shown_has_no_secret_and_secrets_in_place_are_warned_about() {
    let literal = HUBSPOT.replace("{ env = \"TOKEN\" }", "\"pat-eu1-top-secret\"");
    let config = parse(&format!("{SMALL}{literal}"), &[]).unwrap();
    let warned: Vec<&str> = config.warnings.iter().map(|warning| warning.field.as_str()).collect();
    assert_eq!(warned, ["connection[0].token"]);
    let shown = config.redacted();
    for secret in env(&[]).values() {
        assert!(!shown.contains(secret) && !format!("{config:?}{:?}", config.warnings).contains(secret));
    }
    assert!(shown.contains("kind = \"hubspot\"") && shown.contains("token = \"[secret]\""), "{shown}");
    assert!(shown.contains("idle_timeout_seconds = 60"), "{shown}");
}

#[test]
fn every_code_is_explained_once() {
    assert!(explain("ag0007").unwrap().starts_with("AG0007\nCause:  "));
    assert_eq!(explain("AG0999"), None);
    assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    let problem = &parse("[http]", &[]).unwrap_err()[0];
    let expected = "/etc/afterglow/afterglow.toml: AG0004 unsubscribe.secrets: is required and not given\n    \
                    Add it; deploy/afterglow.toml shows an example.";
    assert_eq!(problem.to_string(), expected);
}

#[test]
fn what_is_kept_has_its_bounds() {
    let with = |setting: &str| format!("{SMALL}\n[keep]\n{setting}\n");
    let keep = parse(&with("details_days = 46"), &[]).unwrap().keep;
    assert_eq!((keep.details_days, keep.dead_letters_days), (46, 90));
    assert_eq!(keep.details(), std::time::Duration::from_hours(46 * 24));
    for (setting, field) in [
        ("details_days = 45", "keep.details_days"),
        ("details_days = 3651", "keep.details_days"),
        ("dead_letters_days = 6", "keep.dead_letters_days"),
    ] {
        let told = problems(&with(setting), &[]);
        assert_eq!(
            told.iter().map(|(code, field, _)| (code.as_str(), field.as_str())).collect::<Vec<_>>(),
            [("AG0006", field)]
        );
    }
}

fn with_database(text: &str) -> Result<Config, Vec<Problem>> {
    parse(text, &[("DATABASE_URL", DATABASE_URL)])
}

#[test]
fn kafka_and_its_database_are_read_and_their_secrets_never_shown() {
    let config = with_database(&format!("{SMALL}{SCALED}")).unwrap();
    assert_eq!(config.warnings, Vec::new());
    let kafka = config.log.kafka().unwrap();
    assert_eq!((kafka.topic_prefix.as_str(), kafka.linger.as_millis()), ("", 5));
    assert_eq!(kafka.client["security.protocol"].expose(), "sasl_ssl");
    assert_eq!(kafka.client["sasl.password"].expose(), "5e884898-da28-4703-a151-2d9f8a1b9f3c");
    assert!(config.store.postgres_url().is_some());
    let shown = format!("{}{config:?}", config.redacted());
    assert!(shown.contains("sasl_ssl") && shown.contains("kafka-2.example.com"), "{shown}");
    assert!(!shown.contains("5e884898") && !shown.contains("top-secret"), "{shown}");
}

#[test]
fn a_secret_property_of_kafka_s_client_in_the_file_itself_is_warned_about() {
    let literal = SCALED.replace("{ env = \"SECRET\" }", "\"hunter22\"");
    let config = with_database(&format!("{SMALL}{literal}")).unwrap();
    let warned: Vec<_> = config.warnings.iter().map(|warning| (warning.code, &*warning.field)).collect();
    assert_eq!(warned, [(Code::SecretLiteral, "log.client.sasl.password")]);
    assert!(!config.redacted().contains("hunter22"));
}

/// Code and field of every problem.
fn wrong(text: &str) -> Vec<(Code, String)> {
    let problems = with_database(&format!("{SMALL}{text}")).expect_err("the configuration is wrong");
    problems.iter().map(|problem| (problem.code, problem.field.clone())).collect()
}

#[test]
fn kafka_and_postgres_are_configured_together_or_not_at_all() {
    let (log, store) = SCALED.split_at(SCALED.find("[store]").unwrap());
    assert_eq!(wrong(log), [(Code::Together, "log".to_owned())]);
    assert_eq!(wrong(store), [(Code::Together, "store".to_owned())]);
    let unused = wrong("[log]\nbrokers = \"127.0.0.1:9092\"\n[store]\nurl = { env = \"DATABASE_URL\" }\n");
    let named = ["log.brokers", "store.url"].map(|field| (Code::Together, field.to_owned()));
    assert_eq!(unused, named);
}

#[test]
fn brokers_and_databases_are_called_encrypted_or_on_this_machine() {
    let plain = SCALED.replace("sasl_ssl", "sasl_plaintext");
    let brokers = (Code::Plaintext, "log.brokers".to_owned());
    assert_eq!(wrong(&plain), [brokers.clone(), brokers]);
    let local = plain.replace("kafka-1.example.com", "127.0.0.1").replace("kafka-2.example.com", "[::1]");
    assert!(with_database(&format!("{SMALL}{local}")).is_ok());
    let text = format!("{SMALL}{SCALED}");
    let unencrypted = parse(&text, &[("DATABASE_URL", "postgres://db.example.com/afterglow")]).unwrap_err();
    assert_eq!((unencrypted[0].code, &*unencrypted[0].field), (Code::Plaintext, "store.url"));
    let other = parse(&text, &[("DATABASE_URL", "mysql://ann:hunter22@db/afterglow")]).unwrap_err();
    assert!(other.len() == 1 && !other[0].to_string().contains("hunter22"), "{other:?}");
}

#[test]
fn the_sample_lists_what_can_be_set_of_kafka_s_client() {
    let names = SAMPLE.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let names: Vec<_> = names.map(|name| name.trim_end_matches('.')).collect();
    for name in afterglow_domain::client_property::PROPERTIES {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn what_kafka_cannot_be_told_is_refused_by_name() {
    let port = SCALED.replace(", kafka-2.example.com:9093", ", kafka-2");
    assert_eq!(wrong(&port), [(Code::Value, "log.brokers".to_owned())]);
    let bare = SCALED.replace("\"security.protocol\"", "security.protocol");
    assert!(wrong(&bare).contains(&(Code::Type, "log.client.security".to_owned())));
    let table = "[log.client]\n\"security.protocol\" = \"ssl\"\n\"delivery.timeout.ms\" = \"86400001\"\n\"ssl.truststore.password\" = \"hunter22\"\n";
    let ours = format!("{SMALL}{}{table}", SCALED.replace("client =", "#"));
    let refused = with_database(&ours).unwrap_err();
    let lines: Vec<_> = refused.iter().map(|problem| (problem.code, problem.to_string())).collect();
    for ((code, line), name) in lines.iter().zip(["delivery.timeout.ms", "ssl.truststore.password"]) {
        let written = ours.lines().position(|line| line.contains(name)).unwrap() + 1;
        assert_eq!(*code, Code::Unknown);
        assert!(line.contains(&format!("afterglow.toml:{written}")) && line.contains(name), "{line}");
        assert!(!line.contains("86400001") && !line.contains("hunter22"), "{line}");
    }
    assert_eq!(lines.len(), 2);
    let prefix = SCALED.replace("linger_ms = 5", "topic_prefix = \"a/b\"");
    assert_eq!(wrong(&prefix), [(Code::Value, "log.topic_prefix".to_owned())]);
    let encoding = SCALED.replace("linger_ms = 5", "encoding = \"avro\"");
    assert_eq!(wrong(&encoding), [(Code::Value, "log.encoding".to_owned())]);
    let kinds = SCALED.replace("\"kafka\"", "\"pulsar\"").replace("\"postgres\"", "\"mysql\"");
    let kinds = wrong(&kinds);
    assert!(kinds.iter().all(|(code, _)| *code == Code::Value || *code == Code::Unknown), "{kinds:?}");
}
