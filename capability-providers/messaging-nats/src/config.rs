//! What links are configured with, one form per direction.

use std::collections::BTreeMap;
use std::time::Duration;

use provider_sdk::config::ConfigReader;

use crate::subjects::{KeyToken, Pattern};

const CONCURRENCY_DEFAULT: usize = 64;
const WAITING_DEFAULT: usize = 1024;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// A link from an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerConfig {
    pub(crate) publish: Vec<Pattern>,
}

impl ConsumerConfig {
    pub(crate) fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        let publish = reader.read_list("publish", Pattern::to_publish).unwrap_or_default();
        finish(
            reader,
            config,
            &["subscriptions", "concurrency", "waiting", "timeout"],
            "to an actor's handler",
        )?;
        Ok(Self { publish })
    }
}

/// A link to an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandlerConfig {
    pub(crate) subscriptions: Vec<SubscriptionSpec>,
    pub(crate) concurrency: usize,
    pub(crate) waiting: usize,
    pub(crate) timeout: Duration,
}

/// One subject to hear, and as which queue group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionSpec {
    pub(crate) subject: Pattern,
    pub(crate) queue: String,
    /// Which token is the key of the actor, if it has one.
    pub(crate) key: Option<KeyToken>,
}

impl HandlerConfig {
    /// Reads the configuration of a link to `actor`.
    pub(crate) fn read(config: &BTreeMap<String, String>, actor: &str) -> Result<Self, Vec<String>> {
        let mut reader = ConfigReader::new(config);
        if !config.contains_key("subscriptions") {
            reader.mistake("subscriptions", "is missing; name the subjects to hear");
        }
        let subscriptions = reader
            .read_list("subscriptions", |text| read_subscription(text, actor))
            .unwrap_or_default();
        for (at, spec) in subscriptions.iter().enumerate() {
            // With and without a key they would be the same to NATS, and either might get a message.
            let is_same = |other: &SubscriptionSpec| (&other.subject, &other.queue) == (&spec.subject, &spec.queue);
            if subscriptions[..at].iter().any(is_same) {
                reader.mistake("subscriptions", &format!("names `{}` twice", spec.subject));
            }
        }
        let handler = Self {
            subscriptions,
            concurrency: reader.count("concurrency").unwrap_or(CONCURRENCY_DEFAULT),
            waiting: reader.count("waiting").unwrap_or(WAITING_DEFAULT),
            timeout: reader.duration("timeout").unwrap_or(TIMEOUT_DEFAULT),
        };
        finish(reader, config, &["publish"], "from an actor")?;
        Ok(handler)
    }
}

fn read_subscription(text: &str, actor: &str) -> Result<SubscriptionSpec, String> {
    let (subject, queue) = match text.split_once('|') {
        Some((subject, queue)) => (subject.trim(), queue.trim()),
        None => (text, actor),
    };
    if queue.is_empty()
        || queue
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>' | '.'))
    {
        return Err("has a queue group that is not one word".to_owned());
    }
    let (subject, key) = KeyToken::take(subject)?;
    Ok(SubscriptionSpec {
        subject: Pattern::to_hear(&subject)?,
        queue: queue.to_owned(),
        key,
    })
}

/// Ends reading, and explains keys that belong on a link in the other direction.
fn finish(
    mut reader: ConfigReader<'_>,
    config: &BTreeMap<String, String>,
    of_other: &[&'static str],
    other: &str,
) -> Result<(), Vec<String>> {
    for key in of_other {
        if config.contains_key(*key) {
            reader.mistake(key, &format!("belongs on a link {other}"));
            // It is known, and has just been explained.
            reader.know(key);
        }
    }
    reader.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_queue_group_is_the_actor_unless_said() {
        let config =
            HandlerConfig::read(&map(&[("subscriptions", "orders.*, audit.> | auditors")]), "shop").expect("right");
        let queues: Vec<&str> = config.subscriptions.iter().map(|spec| spec.queue.as_str()).collect();
        assert_eq!(queues, ["shop", "auditors"]);
    }

    #[test]
    fn one_token_may_be_the_key() {
        let config = map(&[("subscriptions", "devices.{key}.telemetry, devices.{key}.>|all, audit.*")]);
        let config = HandlerConfig::read(&config, "device").expect("right");
        let read: Vec<_> = config
            .subscriptions
            .iter()
            .map(|spec| (spec.subject.as_str(), spec.queue.as_str(), spec.key.is_some()))
            .collect();
        let expect = [
            ("devices.*.telemetry", "device", true),
            ("devices.*.>", "all", true),
            ("audit.*", "device", false),
        ];
        assert_eq!(read, expect);
        let config = map(&[("subscriptions", "a.{key},a.*,{key}.b,c.{id},d.{key}.{key},e.x{key}")]);
        let mistakes = HandlerConfig::read(&config, "device").expect_err("four that cannot be read");
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        let config = map(&[("subscriptions", "a.{key}.*,a.*.{key},a.*.*|other")]);
        let mistakes = HandlerConfig::read(&config, "device").expect_err("one twice");
        assert_eq!(mistakes, ["`subscriptions` names `a.*.*` twice"]);
        let mistakes = ConsumerConfig::read(&map(&[("publish", "devices.{key}.x")])).expect_err("nothing to fill in");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        let config = map(&[
            ("subscriptions", ">,a|b c,lat.x"),
            ("publish", "x"),
            ("concurency", "1"),
        ]);
        let mistakes = HandlerConfig::read(&config, "shop").expect_err("five mistakes");
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert_eq!(
            HandlerConfig::read(&map(&[]), "shop")
                .expect_err("nothing to hear")
                .len(),
            1
        );
        let mistakes = ConsumerConfig::read(&map(&[("subscriptions", "a")])).expect_err("the other direction");
        assert_eq!(mistakes, ["`subscriptions` belongs on a link to an actor's handler"]);
    }
}
