//! The NATS services API (ADR-32), by which `nats micro ls` finds us.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::{Bus, Headers, SubscribeError, Subscription};

/// Questions that wait for an answer. Nobody asks often.
const CAPACITY: usize = 64;

const VERBS: [Verb; 3] = [Verb::Ping, Verb::Info, Verb::Stats];

/// What a service says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceDescription {
    /// Its name; characters other than letters, digits, `-` and `_` become `-`.
    pub name: String,
    /// Its version, a semantic one.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Anything else worth knowing.
    pub metadata: BTreeMap<String, String>,
}

/// Answers for a service until dropped.
#[derive(Debug)]
pub struct Service {
    id: String,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Bus {
    /// Lists us as a service: answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, in general, by name and by id.
    ///
    /// # Errors
    ///
    /// When the bus is closed.
    pub async fn service(&self, description: ServiceDescription) -> Result<Service, SubscribeError> {
        Service::start(self, description).await
    }
}

impl Service {
    async fn start(bus: &Bus, mut description: ServiceDescription) -> Result<Self, SubscribeError> {
        description.name = as_name(&description.name);
        let id = uuid::Uuid::new_v4().simple().to_string();
        let started = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let name = &description.name;
        let mut tasks = Vec::new();
        for verb in VERBS {
            let word = verb.word();
            let answer: bytes::Bytes = serde_json::to_vec(&verb.answer(&description, &id, &started))
                .unwrap_or_default()
                .into();
            for subject in [
                format!("$SRV.{word}"),
                format!("$SRV.{word}.{name}"),
                format!("$SRV.{word}.{name}.{id}"),
            ] {
                let questions = bus.subscribe(subject, None, CAPACITY).await?;
                tasks.push(AbortOnDropHandle::new(tokio::spawn(reply_to_all(
                    bus.clone(),
                    questions,
                    answer.clone(),
                ))));
            }
        }
        Ok(Self { id, _tasks: tasks })
    }

    /// Returns the id by which `nats micro info <name> <id>` finds exactly us.
    pub fn id(&self) -> &str {
        &self.id
    }
}

async fn reply_to_all(bus: Bus, mut questions: Subscription, answer: bytes::Bytes) {
    while let Some(question) = questions.recv().await {
        let Some(reply) = question.reply else { continue };
        if let Err(err) = bus.publish(reply, Headers::new(), answer.clone()).await {
            debug!(error = %err, "cannot answer a question about our service");
        }
    }
}

fn as_name(text: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(allowed).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }

    fn answer<'a>(self, about: &'a ServiceDescription, id: &'a str, started: &'a str) -> Answer<'a> {
        let mut answer = Answer {
            kind: "io.nats.micro.v1.ping_response",
            name: &about.name,
            id,
            version: &about.version,
            metadata: &about.metadata,
            description: None,
            started: None,
            endpoints: None,
        };
        match self {
            Self::Ping => {}
            Self::Info => {
                answer.kind = "io.nats.micro.v1.info_response";
                answer.description = Some(&about.description);
                answer.endpoints = Some([]);
            }
            Self::Stats => {
                answer.kind = "io.nats.micro.v1.stats_response";
                answer.started = Some(started);
                answer.endpoints = Some([]);
            }
        }
        answer
    }
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    id: &'a str,
    version: &'a str,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<&'a str>,
    /// We have none that strangers may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<[(); 0]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_the_protocol_allows() {
        assert_eq!(as_name("lattice host.pi"), "lattice-host-pi");
        assert_eq!(as_name(""), "unnamed");
    }

    #[test]
    fn answers_have_the_form_of_the_protocol() {
        let about = ServiceDescription {
            name: "host".into(),
            version: "0.1.0".into(),
            description: "runs actors".into(),
            metadata: BTreeMap::from([("arch".to_owned(), "x86_64".to_owned())]),
        };
        let json = |verb: Verb| serde_json::to_value(verb.answer(&about, "id1", "then")).expect("plain JSON");
        assert_eq!(
            json(Verb::Ping),
            serde_json::json!({"type":"io.nats.micro.v1.ping_response","name":"host","id":"id1","version":"0.1.0","metadata":{"arch":"x86_64"}})
        );
        assert_eq!(json(Verb::Info)["endpoints"], serde_json::json!([]));
        assert_eq!(json(Verb::Stats)["started"], "then");
    }
}
