//! The part of the JetStream API that we use, spoken over the bus itself.
//!
//! Going through [`Bus::request`] instead of async-nats' own JetStream client gives state the same deadlines, the same account of
//! "was it sent?" and the same survival of reconnects as everything else has.

mod error;
mod ordered;
mod replicas;
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::StateError;
pub(crate) use error::code;
pub(crate) use ordered::{Delivered, OrderedReader, Place, Start, nanos};
pub use replicas::Replicas;
pub(crate) use wire::{StoredMessage, StreamConfig, StreamInfo};

use crate::connection::backoff;
use crate::{Bus, Headers, Message, RequestError};
use wire::{CreatedConsumer, GetLast, PublishAck, Purge, Stored};

/// Longest wait for one operation on shared state, retries included. An election of a new leader takes up to ten seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Longest wait for one answer: long enough for a slow disk, short enough to ask another leader in time.
const ATTEMPT: Duration = Duration::from_secs(5);

/// By this header JetStream knows a message that it has stored already.
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// Nobody answers for a moment when a server restarts, and for ever when JetStream is not enabled.
const ABSENT: Duration = Duration::from_secs(5);

/// A handle on one JetStream domain.
#[derive(Clone, Debug)]
pub(crate) struct JetStream {
    bus: Bus,
    prefix: String,
}

impl JetStream {
    pub(crate) fn new(bus: &Bus) -> Self {
        let prefix = match bus.jetstream_domain() {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        Self {
            bus: bus.clone(),
            prefix,
        }
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Returns the subject that reaches `subject` in our domain. Buckets of another domain are written to through its API prefix.
    pub(crate) fn key_subject(&self, subject: &str) -> String {
        match self.bus.jetstream_domain() {
            Some(_) => format!("{}.{subject}", self.prefix),
            None => subject.to_owned(),
        }
    }

    pub(crate) async fn stream_info(&self, stream: &str) -> Result<StreamInfo, StateError> {
        self.call(&format!("STREAM.INFO.{stream}"), &serde_json::json!({}))
            .await
    }

    /// Opens a stream, creating it when it is not there.
    pub(crate) async fn open_stream(&self, config: StreamConfig, replicas: Replicas) -> Result<StreamInfo, StateError> {
        match self.stream_info(&config.name).await {
            Err(err) if err.code() == Some(code::STREAM_NOT_FOUND) => self.create_stream(config, replicas).await,
            outcome => outcome,
        }
    }

    async fn create_stream(&self, mut config: StreamConfig, replicas: Replicas) -> Result<StreamInfo, StateError> {
        let start = Instant::now();
        let mut attempt = 0;
        let known_servers = self.bus.server_info();
        let mut choice = replicas::first_choice(replicas, known_servers.cluster.is_some(), known_servers.known_servers);
        loop {
            config.num_replicas = choice;
            let err = match self.call(&format!("STREAM.CREATE.{}", config.name), &config).await {
                Ok(info) => return Ok(info),
                Err(err) => err,
            };
            if err.code() == Some(code::STREAM_NAME_IN_USE) {
                // Somebody else was quicker, with other settings; the first to create decides.
                return self.stream_info(&config.name).await;
            }
            attempt += 1;
            choice = match replicas::next_choice(replicas, choice, err.code(), start.elapsed()) {
                replicas::Next::Try(choice) => choice,
                replicas::Next::Wait => choice,
                replicas::Next::GiveUp => return Err(err),
            };
            tokio::time::sleep(backoff::delay(attempt, backoff::random())).await;
        }
    }

    /// Makes a stream listen to these subjects too. Returns whether it had to be changed. The settings are read and written back whole,
    /// those included that we have no word for.
    pub(crate) async fn add_subjects(&self, stream: &str, wanted: &[String]) -> Result<bool, StateError> {
        let mut info: serde_json::Value = self
            .call(&format!("STREAM.INFO.{stream}"), &serde_json::json!({}))
            .await?;
        let mut config = info["config"].take();
        let Some(subjects) = config.get_mut("subjects").and_then(serde_json::Value::as_array_mut) else {
            return Err(StateError::unexpected("the stream has no subjects"));
        };
        let before = subjects.len();
        for subject in wanted {
            if !subjects.iter().any(|known| known == subject.as_str()) {
                subjects.push(subject.as_str().into());
            }
        }
        if subjects.len() == before {
            return Ok(false);
        }
        let _: wire::Done = self.call(&format!("STREAM.UPDATE.{stream}"), &config).await?;
        Ok(true)
    }

    /// Returns the last message on a subject as the stream's leader has it, so that who wrote reads what it wrote.
    pub(crate) async fn last_message(&self, stream: &str, subject: &str) -> Result<Option<StoredMessage>, StateError> {
        let query = GetLast { last_by_subj: subject };
        let stored: Result<Stored, _> = self.call(&format!("STREAM.MSG.GET.{stream}"), &query).await;
        match stored {
            Ok(stored) => stored.message.decode().map(Some),
            Err(err) if err.code() == Some(code::MESSAGE_NOT_FOUND) => Ok(None),
            Err(err) => Err(err),
        }
    }

    pub(crate) async fn create_consumer(
        &self,
        stream: &str,
        config: &wire::ConsumerConfig<'_>,
    ) -> Result<CreatedConsumer, StateError> {
        let subject = format!("CONSUMER.CREATE.{stream}.{}.{}", config.name, config.filter_subject);
        let request = wire::CreateConsumer {
            stream_name: stream,
            config,
        };
        self.call(&subject, &request).await
    }

    pub(crate) async fn delete_consumer(&self, stream: &str, name: &str) -> Result<(), StateError> {
        let _: wire::Done = self.call(&format!("CONSUMER.DELETE.{stream}.{name}"), &()).await?;
        Ok(())
    }

    /// Removes the messages on a subject for good.
    pub(crate) async fn purge(&self, stream: &str, filter: &str) -> Result<(), StateError> {
        let _: wire::Done = self.call(&format!("STREAM.PURGE.{stream}"), &Purge { filter }).await?;
        Ok(())
    }

    /// Stores a message, once however often it has to be sent, and returns its sequence.
    pub(crate) async fn store(&self, subject: &str, mut headers: Headers, payload: Bytes) -> Result<u64, StateError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        headers
            .insert(MESSAGE_ID, &id)
            .expect("our own header names and values are plain ASCII");
        let ack: PublishAck = self.exchange(subject, headers, payload).await?;
        Ok(ack.seq)
    }

    async fn call<T: DeserializeOwned>(&self, subject: &str, request: &impl Serialize) -> Result<T, StateError> {
        let subject = format!("{}.{subject}", self.prefix);
        let body = serde_json::to_vec(request).map_err(StateError::unexpected)?;
        self.exchange(&subject, Headers::new(), body.into()).await
    }

    /// Asks until it is answered, which bridges restarts, elections and lost answers. Everything we ask may be asked twice: reads
    /// and settings by nature, writes because JetStream knows them by their id.
    async fn exchange<T: DeserializeOwned>(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
    ) -> Result<T, StateError> {
        let start = Instant::now();
        for attempt in 1.. {
            let wait = ATTEMPT.min(TIMEOUT.saturating_sub(start.elapsed()));
            let outcome = self.ask(subject, headers.clone(), payload.clone(), wait).await;
            let outcome = outcome.map_err(StateError::Request);
            let err = match outcome.and_then(|answer| wire::parse(&answer.payload)) {
                Ok(answer) => return Ok(answer),
                Err(err) => err,
            };
            let pause = backoff::delay(attempt, backoff::random());
            if start.elapsed() + pause >= patience(&err) {
                return Err(err);
            }
            tokio::time::sleep(pause).await;
        }
        unreachable!("the attempts do not run out")
    }

    /// Asks once. Another connection means that the answer may have been lost with the one before, so it is not waited for.
    async fn ask(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        wait: Duration,
    ) -> Result<Message, RequestError> {
        let mut states = self.bus.states();
        let session = *states.borrow_and_update();
        let asking = self.bus.request(subject, headers, payload, wait);
        if !session.is_connected() {
            return asking.await;
        }
        tokio::select! {
            biased;
            answer = asking => answer,
            _ = states.wait_for(|state| state.is_beyond(session)) => {
                Err(RequestError::Interrupted { subject: subject.to_owned() })
            }
        }
    }
}

/// Decides how long after the first attempt a failure may be tried again.
fn patience(err: &StateError) -> Duration {
    match err {
        StateError::Request(RequestError::NoResponders { .. }) => ABSENT,
        StateError::Request(
            RequestError::Disconnected | RequestError::TimedOut { .. } | RequestError::Interrupted { .. },
        ) => TIMEOUT,
        // No leader yet, or our own earlier attempt is still being stored.
        StateError::Refused {
            code: code::TEMPORARILY_UNAVAILABLE | code::DUPLICATE_IN_PROCESS,
            ..
        } => TIMEOUT,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
        let subject = || "s".to_owned();
        let request = |err| patience(&StateError::Request(err));
        assert_eq!(request(RequestError::Disconnected), TIMEOUT);
        assert_eq!(request(RequestError::Interrupted { subject: subject() }), TIMEOUT);
        assert_eq!(request(RequestError::NoResponders { subject: subject() }), ABSENT);
        assert_eq!(request(RequestError::Denied { subject: subject() }), Duration::ZERO);
        let refused = |code| {
            patience(&StateError::Refused {
                code,
                description: String::new(),
            })
        };
        assert_eq!(refused(code::WRONG_LAST_SEQUENCE), Duration::ZERO);
        assert_eq!(refused(code::TEMPORARILY_UNAVAILABLE), TIMEOUT);
    }
}
