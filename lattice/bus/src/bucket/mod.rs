//! Buckets: keys and values on JetStream, changed by compare-and-swap, watched across outages.
//!
//! The stored form is that of every NATS key-value bucket, so `nats kv` works on ours.

mod config;
mod entry;
mod reach;
mod relist;
mod watch;

use std::sync::Arc;

use bytes::Bytes;

pub use config::{BucketConfig, Storage};
pub(crate) use config::{TTL_MIN, is_bucket_name, is_key};
pub use entry::{Entry, Operation};
pub use watch::{BucketEvent, Watch};

use entry::{DELETE, OPERATION, PURGE};

use crate::jetstream::{JetStream, OrderedReader, Start, StateError, StreamInfo};
use crate::{Bus, Headers};

pub(crate) const EXPECTED_REVISION: &str = "Nats-Expected-Last-Subject-Sequence";
const ROLLUP: &str = "Nats-Rollup";

/// The filter that all keys match.
const ALL: &str = ">";

/// Attempts to read a whole bucket while readers are interrupted.
const READ_ATTEMPTS: usize = 3;

impl Bus {
    /// Opens a bucket, creating it when it is not there.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn bucket(&self, config: BucketConfig) -> Result<Bucket, StateError> {
        Bucket::open(self, config).await
    }
}

/// A bucket of keys and values. Clones are cheap.
///
/// Reads go to the bucket's leader: who wrote, reads what it wrote. Operations wait some seconds for a connection or a leader
/// when there is none.
#[derive(Clone, Debug)]
pub struct Bucket {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    jetstream: JetStream,
    config: BucketConfig,
    stream: String,
    /// `$KV.<bucket>.`
    prefix: String,
    replicas: usize,
    keys_may_expire: bool,
}

impl Bucket {
    async fn open(bus: &Bus, config: BucketConfig) -> Result<Self, StateError> {
        let jetstream = JetStream::new(bus);
        let info = jetstream.open_stream(config.to_stream()?, config.replicas).await?;
        let inner = Inner {
            stream: config.stream_name(),
            prefix: format!("$KV.{}.", config.name),
            replicas: info.config.num_replicas,
            keys_may_expire: info.config.allow_msg_ttl,
            jetstream,
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes the bucket again should it be gone.
    async fn reopen(&self) -> Result<(), StateError> {
        let Inner { jetstream, config, .. } = &*self.inner;
        jetstream
            .open_stream(config.to_stream()?, config.replicas)
            .await
            .map(drop)
    }

    /// Returns the bucket's name.
    pub fn name(&self) -> &str {
        &self.inner.config.name
    }

    /// Says how many copies the cluster kept when the bucket was opened.
    pub fn replicas(&self) -> usize {
        self.inner.replicas
    }

    /// Says whether single keys can expire here, as leases need.
    pub fn keys_may_expire(&self) -> bool {
        self.inner.keys_may_expire
    }

    /// Returns a key's value; `None` when it has none or was deleted.
    ///
    /// # Errors
    ///
    /// When the key cannot be one or the bucket cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, StateError> {
        Ok(self.last(key).await?.filter(Entry::is_live))
    }

    /// Returns the latest word on a key, which may be that it was deleted.
    ///
    /// # Errors
    ///
    /// When the key cannot be one or the bucket cannot be read.
    pub async fn last(&self, key: &str) -> Result<Option<Entry>, StateError> {
        let subject = self.read_subject(key)?;
        let message = self.inner.jetstream.last_message(&self.inner.stream, &subject).await?;
        Ok(message.and_then(|message| Entry::stored(message, &self.inner.prefix)))
    }

    /// Sets a key, whatever it was; returns the new revision.
    ///
    /// # Errors
    ///
    /// When the key cannot be one, or the write was refused or not confirmed.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, StateError> {
        self.store(key, Headers::new(), value).await
    }

    /// Sets a key that has no value; returns the new revision.
    ///
    /// # Errors
    ///
    /// [`CasError::Conflict`] when it has one.
    pub async fn create(&self, key: &str, value: Bytes) -> Result<u64, CasError> {
        let first = match self.update(key, value.clone(), 0).await {
            Err(err @ CasError::Conflict { .. }) => err,
            outcome => return outcome,
        };
        match self.last(key).await? {
            // A deleted key keeps its marker, which is what the write has to follow.
            Some(marker) if !marker.is_live() => self.update(key, value, marker.revision).await,
            _ => Err(first),
        }
    }

    /// Sets a key if its latest revision is `expected`, 0 standing for none; returns the new revision.
    ///
    /// # Errors
    ///
    /// [`CasError::Conflict`] when somebody else changed the key. After [`StateError::outcome_unknown`] the write may have been
    /// done: read the key before trying again.
    pub async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, CasError> {
        self.swap(key, Headers::new(), value, expected).await
    }

    /// Deletes a key, whatever its value or only if its latest revision is `expected`; returns the revision of the deletion.
    ///
    /// # Errors
    ///
    /// [`CasError::Conflict`] when somebody else changed the key.
    pub async fn delete(&self, key: &str, expected: Option<u64>) -> Result<u64, CasError> {
        let headers = header(OPERATION, DELETE);
        match expected {
            Some(expected) => self.swap(key, headers, Bytes::new(), expected).await,
            None => Ok(self.store(key, headers, Bytes::new()).await?),
        }
    }

    /// Deletes a key and forgets its history.
    ///
    /// # Errors
    ///
    /// When the key cannot be one, or the write was refused or not confirmed.
    pub async fn purge(&self, key: &str) -> Result<u64, StateError> {
        let mut headers = header(OPERATION, PURGE);
        set(&mut headers, ROLLUP, "sub");
        self.store(key, headers, Bytes::new()).await
    }

    /// Returns all keys that have a value, sorted.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be read.
    pub async fn keys(&self) -> Result<Vec<String>, StateError> {
        Ok(self
            .read_all(">", true)
            .await?
            .into_iter()
            .map(|entry| entry.key)
            .collect())
    }

    /// Returns all keys that have a value, with their values, sorted by key. All of them are in memory at once.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be read.
    pub async fn entries(&self) -> Result<Vec<Entry>, StateError> {
        self.read_all(ALL, false).await
    }

    /// Returns the keys that have a value and match a filter (`*` for one token, `>` for the rest), with their values.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be read.
    pub async fn entries_matching(&self, filter: &str) -> Result<Vec<Entry>, StateError> {
        self.read_all(filter, false).await
    }

    /// Returns what the bucket keeps of a key's past, the oldest first, removals among it.
    ///
    /// # Errors
    ///
    /// When the key cannot be one or the bucket cannot be read.
    pub async fn history(&self, key: &str) -> Result<Vec<Entry>, StateError> {
        self.read_subject(key)?;
        let mut reader = self.reader(key, Start::All, false).await?;
        let mut past = Vec::new();
        let mut caught_up = reader.starts_empty();
        while !caught_up {
            let delivered = reader.next().await?;
            caught_up = reader.is_caught_up(&delivered.place);
            past.extend(Entry::delivered(delivered, &self.inner.prefix));
        }
        reader.close().await;
        Ok(past)
    }

    /// Watches all keys. First comes every key as it is, then [`BucketEvent::CaughtUp`], then every change.
    pub fn watch_all(&self) -> Watch {
        Watch::start(self.clone(), ALL)
    }

    /// Watches the keys that match a filter (`*` for one token, `>` for the rest).
    pub fn watch(&self, filter: &str) -> Watch {
        Watch::start(self.clone(), filter)
    }

    async fn read_all(&self, filter: &str, headers_only: bool) -> Result<Vec<Entry>, StateError> {
        let mut attempt = 1;
        loop {
            match self.read_once(filter, headers_only).await {
                Err(StateError::Interrupted(_)) if attempt < READ_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn read_once(&self, filter: &str, headers_only: bool) -> Result<Vec<Entry>, StateError> {
        let mut reader = self.reader(filter, Start::LastPerSubject, headers_only).await?;
        // A key that changes while we read is delivered again: the later word holds.
        let mut latest = std::collections::BTreeMap::new();
        let mut caught_up = reader.starts_empty();
        while !caught_up {
            let delivered = reader.next().await?;
            caught_up = reader.is_caught_up(&delivered.place);
            if let Some(entry) = Entry::delivered(delivered, &self.inner.prefix) {
                latest.insert(entry.key.clone(), entry);
            }
        }
        reader.close().await;
        Ok(latest.into_values().filter(Entry::is_live).collect())
    }

    async fn reader(&self, filter: &str, start: Start, headers_only: bool) -> Result<OrderedReader, StateError> {
        let Inner {
            jetstream,
            stream,
            prefix,
            ..
        } = &*self.inner;
        OrderedReader::open(jetstream, stream, &format!("{prefix}{filter}"), start, headers_only).await
    }

    async fn info(&self) -> Result<StreamInfo, StateError> {
        self.inner.jetstream.stream_info(&self.inner.stream).await
    }

    async fn swap(&self, key: &str, mut headers: Headers, value: Bytes, expected: u64) -> Result<u64, CasError> {
        set(&mut headers, EXPECTED_REVISION, &expected.to_string());
        self.store(key, headers, value)
            .await
            .map_err(|err| CasError::from_store(err, key, expected))
    }

    pub(crate) async fn store(&self, key: &str, headers: Headers, value: Bytes) -> Result<u64, StateError> {
        let subject = self.inner.jetstream.key_subject(&self.read_subject(key)?);
        self.inner.jetstream.store(&subject, headers, value).await
    }

    fn read_subject(&self, key: &str) -> Result<String, StateError> {
        if !is_key(key) {
            return Err(StateError::BadKey(key.to_owned()));
        }
        Ok(format!("{}{key}", self.inner.prefix))
    }

    fn bus(&self) -> &Bus {
        self.inner.jetstream.bus()
    }
}

fn header(name: &str, value: &str) -> Headers {
    let mut headers = Headers::new();
    set(&mut headers, name, value);
    headers
}

pub(crate) fn set(headers: &mut Headers, name: &str, value: &str) {
    headers
        .insert(name, value)
        .expect("our own header names and values are plain ASCII");
}

/// A conditional write that was not done, or perhaps.
#[derive(Debug, thiserror::Error)]
pub enum CasError {
    /// Somebody else changed the key in between.
    #[error("`{key}` is not at revision {expected} any more")]
    Conflict {
        /// The key.
        key: String,
        /// The revision the write was to follow.
        expected: u64,
    },
    /// The write failed for another reason.
    #[error(transparent)]
    State(#[from] StateError),
}

impl CasError {
    pub(crate) fn from_store(err: StateError, key: &str, expected: u64) -> Self {
        use crate::jetstream::code;
        match err.code() {
            Some(code::WRONG_LAST_SEQUENCE | code::WRONG_LAST_SEQUENCE_CONSTANT) => Self::Conflict {
                key: key.to_owned(),
                expected,
            },
            _ => Self::State(err),
        }
    }

    /// Says whether somebody else was quicker.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}
