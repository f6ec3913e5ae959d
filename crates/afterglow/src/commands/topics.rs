//! `afterglow topics`: Kafka's topics, made where they are missing and held against what they should be.
//!
//! A topic that is there is never changed: the command says what differs, and its operator decides. Who makes
//! the topics may be somebody else than who runs the roles, so it needs no configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use afterglow_domain::client_property;
use afterglow_eventlog::Error;
use afterglow_eventlog::kafka::{KafkaLog, Settings};
use afterglow_events::Topic;
use afterglow_service::clock::SystemClock;
use afterglow_service::exit::Exit;
use anyhow::Context as _;

use super::{block_on, role, say};
use crate::cli::Outcome;
use crate::scaled;

/// Which broker, and what the topics should be.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("kafka").required(true))]
pub(crate) struct Args {
    /// The configuration file of the roles, which says where Kafka is and how the topics should be.
    #[arg(
        long,
        value_name = "FILE",
        group = "kafka",
        conflicts_with_all = ["partitions", "prefix", "client_config"]
    )]
    config: Option<PathBuf>,
    /// Where Kafka is: host:port, several separated by commas.
    #[arg(long, group = "kafka")]
    brokers: Option<String>,
    /// Make the topics that are missing.
    #[arg(long)]
    create: bool,
    /// Partitions of each topic: a power of two up to 64, which is kept for good.
    #[arg(long, default_value_t = 16)]
    partitions: u16,
    /// Copies of each partition that a new topic gets.
    #[arg(long, default_value_t = 3)]
    replicas: u16,
    /// What stands before each topic's name.
    #[arg(long, default_value = "")]
    prefix: String,
    /// A file with further properties of the client, name=value by line: security.protocol, sasl.*, ssl.*.
    #[arg(long, value_name = "FILE")]
    client_config: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    block_on(check(args))
}

async fn check(args: &Args) -> Outcome {
    let Some(settings) = settings(args)? else { return Ok(Exit::Config) };
    let partitions = settings.partitions;
    let log = KafkaLog::new(settings)?;
    if args.create {
        for name in log.create_topics(args.replicas).await? {
            say(format_args!("{name}: made, {partitions} partitions, {} copies", args.replicas))?;
        }
    }
    let fit = log.check_topics().await;
    match &fit {
        Err(error @ Error::Topics { .. }) => super::complain(format_args!("{error}")),
        other => other.clone()?,
    }
    let differences = log.topic_differences().await?;
    for difference in &differences {
        say(format_args!("{difference}"))?;
    }
    let single = log.topics_of_one_copy().await?;
    if !single.is_empty() {
        super::complain(format_args!("{}: has one copy, a lost disk loses it", single.join(", ")));
    }
    if fit.is_err() || !differences.is_empty() {
        return Ok(Exit::Findings);
    }
    say(format_args!("{} topics are as they should be", Topic::ALL.len()))?;
    Ok(Exit::Ok)
}

/// How Kafka is reached; nothing where the file that says so has problems, which were printed.
fn settings(args: &Args) -> anyhow::Result<Option<Settings>> {
    if let Some(file) = &args.config {
        return role::load(file).as_ref().map(scaled::kafka).transpose();
    }
    let brokers = args.brokers.as_deref().unwrap_or_default();
    let mut settings = Settings::of(brokers, args.partitions, SystemClock::shared());
    settings.topic_prefix.clone_from(&args.prefix);
    if let Some(file) = &args.client_config {
        match read_properties(file) {
            Ok(properties) => settings.properties = properties,
            Err(problem) => {
                super::complain(format_args!("{problem:#}"));
                return Ok(None);
            }
        }
    }
    Ok(Some(settings))
}

/// Properties as Kafka's own tools write them: one by line, comments begin with `#`.
fn read_properties(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    properties_of(&text).map_err(|(line, why)| anyhow::anyhow!("{}:{line}: {why}", file.display()))
}

/// The properties, or the number of a line and why it is none; never its value, which may be a secret.
fn properties_of(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let property = |(index, line): (usize, &str)| {
        let none = |why: String| (index + 1, why);
        let (name, value) = line.split_once('=').ok_or_else(|| none("write name=value".to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let refused = client_property::refusal(name).map(|why| none(format!("{name} {why}")));
        refused.map_or_else(|| Ok((name.to_owned(), value.to_owned())), Err)
    };
    lines.map(property).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_kafka_s_tools_write_them() {
        let text = "# our cluster\nsecurity.protocol=sasl_ssl\n\n sasl.password = a=b \n";
        let properties = properties_of(text).unwrap();
        assert_eq!(properties["security.protocol"], "sasl_ssl");
        assert_eq!(properties["sasl.password"], "a=b");
        assert_eq!(properties_of("client.rack=b\nhunter2"), Err((2, "write name=value".to_owned())));
    }

    #[test]
    fn what_is_not_the_user_s_or_is_java_s_is_refused_by_its_line() {
        let (line, why) = properties_of("client.rack=b\nsasl.jaas.config=hunter2").unwrap_err();
        assert!(line == 2 && why.starts_with("sasl.jaas.config ") && why.contains("sasl.password"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
        assert_eq!(properties_of("request.required.acks=0").unwrap_err().0, 1);
    }

    #[tokio::test]
    async fn kafka_topics_are_missed_then_made_then_fine() {
        let prefix = format!("test-{}.", std::process::id());
        let brokers = Some(afterglow_servers::named::kafka());
        let (config, client_config) = (None, None);
        let mut args =
            Args { config, brokers, create: false, partitions: 4, replicas: 1, prefix, client_config };
        assert_eq!(check(&args).await.unwrap(), Exit::Findings);
        args.create = true;
        // Metadata may be a moment behind what was made.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        while check(&args).await.unwrap() != Exit::Ok {
            assert!(tokio::time::Instant::now() < deadline, "the topics do not come");
        }
        args.create = false;
        assert_eq!(check(&args).await.unwrap(), Exit::Ok);
        args.partitions = 8;
        assert_eq!(check(&args).await.unwrap(), Exit::Findings);
    }
}
