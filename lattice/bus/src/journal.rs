//! Journals: what was published on some subjects, kept for a while in the order it came.
//!
//! A journal is a stream of JetStream that only listens. Who publishes needs no leave to write to it and does not wait for it; the oldest
//! messages make room for new ones.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::Bus;
use crate::bucket::is_bucket_name;
use crate::jetstream::{JetStream, OrderedReader, Replicas, Start, StateError, StreamConfig, code, nanos};

/// What a journal should be like. Used when it has to be created; one that exists stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// What it is for, shown by `nats stream info`.
    pub description: String,
    /// What it listens to. No other stream may.
    pub subjects: Vec<String>,
    /// How long a message is kept.
    pub max_age: Duration,
    /// The most bytes that are kept.
    pub bytes_max: u64,
    /// The largest message that is kept; larger ones are passed over.
    pub message_bytes_max: u32,
    /// How many copies the cluster keeps.
    pub replicas: Replicas,
}

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalStart {
    /// With the oldest message that is kept.
    Oldest,
    /// With this many of the latest, of all subjects together.
    Latest(u64),
    /// With what came at this time.
    Since(SystemTime),
}

/// A message as a journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place.
    pub sequence: u64,
    /// When it came.
    pub time: SystemTime,
    /// What it was published on.
    pub subject: String,
    /// Its body.
    pub payload: Bytes,
}

impl Bus {
    /// Opens a journal, creating it on disk when it is not there.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn keep_journal(&self, config: JournalConfig) -> Result<Journal, StateError> {
        if !is_bucket_name(&config.name) {
            return Err(StateError::BadName(config.name));
        }
        let (name, replicas) = (config.name.clone(), config.replicas);
        let jetstream = JetStream::new(self);
        jetstream.open_stream(config.into_stream(), replicas).await?;
        Ok(Journal { jetstream, name })
    }

    /// Opens a journal; `None` when it is not there.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn journal(&self, name: &str) -> Result<Option<Journal>, StateError> {
        let jetstream = JetStream::new(self);
        match jetstream.stream_info(name).await {
            Ok(_) => Ok(Some(Journal {
                jetstream,
                name: name.to_owned(),
            })),
            Err(error) if error.code() == Some(code::STREAM_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl JournalConfig {
    fn into_stream(self) -> StreamConfig {
        StreamConfig {
            name: self.name,
            description: self.description,
            subjects: self.subjects,
            retention: "limits",
            storage: "file",
            discard: "old",
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: i64::try_from(self.bytes_max).unwrap_or(i64::MAX),
            max_msg_size: i64::from(self.message_bytes_max),
            max_msgs_per_subject: -1,
            max_age: nanos(self.max_age),
            deny_delete: true,
            allow_direct: true,
            ..StreamConfig::default()
        }
    }
}

/// A journal. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Journal {
    jetstream: JetStream,
    name: String,
}

impl Journal {
    /// Makes it listen to these subjects too, if it does not yet. Returns whether it had to be changed.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn listen_also(&self, subjects: &[String]) -> Result<bool, StateError> {
        self.jetstream.add_subjects(&self.name, subjects).await
    }

    /// Reads what was published on subjects that match `filter`, and goes on with what comes.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn read(&self, start: JournalStart, filter: &str) -> Result<JournalReader, StateError> {
        let start = match start {
            JournalStart::Oldest => Start::All,
            JournalStart::Since(time) => Start::Since(time),
            JournalStart::Latest(count) => {
                let last = self.jetstream.stream_info(&self.name).await?.state.last_seq;
                Start::After(last.saturating_sub(count))
            }
        };
        let reader = OrderedReader::open(&self.jetstream, &self.name, filter, start, false).await?;
        Ok(JournalReader {
            caught_up: reader.starts_empty(),
            journal: self.clone(),
            filter: filter.to_owned(),
            start,
            reader,
        })
    }
}

/// Reads a journal in order, across outages.
#[derive(Debug)]
pub struct JournalReader {
    journal: Journal,
    filter: String,
    /// Where to go on when reading breaks.
    start: Start,
    reader: OrderedReader,
    caught_up: bool,
}

impl JournalReader {
    /// Says whether all that was there when reading began has been returned.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Returns the next message, waiting for one.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached for longer than a restart takes, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is returned or read again.
    pub async fn next(&mut self) -> Result<JournalEntry, StateError> {
        loop {
            let delivered = match self.reader.next().await {
                Ok(delivered) => delivered,
                Err(StateError::Interrupted(_)) => {
                    let Journal { jetstream, name } = &self.journal;
                    self.reader = OrderedReader::open(jetstream, name, &self.filter, self.start, false).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let place = delivered.place;
            self.start = Start::After(place.stream_sequence);
            self.caught_up |= self.reader.is_caught_up(&place);
            return Ok(JournalEntry {
                sequence: place.stream_sequence,
                time: place.time,
                subject: delivered.message.subject.to_string(),
                payload: delivered.message.payload,
            });
        }
    }

    /// Ends reading at once, also on the server.
    pub async fn close(self) {
        self.reader.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_journal_lets_go_of_the_oldest() {
        let config = JournalConfig {
            name: "events".to_owned(),
            description: String::new(),
            subjects: vec!["a.>".to_owned()],
            max_age: Duration::from_secs(60),
            bytes_max: 1 << 20,
            message_bytes_max: 1 << 10,
            replicas: Replicas::Auto,
        };
        let stream = config.into_stream();
        assert_eq!(
            (stream.discard, stream.max_bytes, stream.max_msg_size),
            ("old", 1 << 20, 1 << 10)
        );
        assert_eq!(stream.max_age, 60_000_000_000);
    }
}
