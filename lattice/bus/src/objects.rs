//! Objects: bytes too large for a message, kept on JetStream in chunks.
//!
//! The stored form is that of every NATS object store, so `nats object` works on ours.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64URL;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::debug;

use crate::bucket::{is_bucket_name, set};
use crate::jetstream::{JetStream, OrderedReader, Replicas, Start, StateError, StreamConfig};
use crate::{Bus, Headers};

/// Size of a chunk, that of other NATS clients, unless the server takes less.
const CHUNK: usize = 128 * 1024;

/// Chunks on their way at a time: a write to disk is awaited for all of them together.
const CHUNKS_IN_FLIGHT: usize = 8;

/// Attempts to read or write an object while the connection comes and goes.
const ATTEMPTS: usize = 3;

impl Bus {
    /// Opens an object store, creating it on disk when it is not there.
    ///
    /// # Errors
    ///
    /// When JetStream cannot be reached or refuses.
    pub async fn objects(&self, name: &str) -> Result<ObjectStore, StateError> {
        ObjectStore::open(self, name).await
    }
}

/// A store of objects by name. Clones are cheap.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    jetstream: JetStream,
    name: String,
    stream: String,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, as the writer stated it.
    pub sha256: Option<Vec<u8>>,
}

/// An object that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// There is none of that name.
    #[error("there is no object `{0}`")]
    NotFound(String),
    /// Larger than the reader is willing to take.
    #[error("object `{name}` has {bytes} bytes, more than the {max} allowed")]
    TooLarge {
        /// The object.
        name: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// What was read is not what was written.
    #[error("object `{name}` is damaged: {what}")]
    Damaged {
        /// The object.
        name: String,
        /// How.
        what: &'static str,
    },
    /// The store cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

impl ObjectStore {
    async fn open(bus: &Bus, name: &str) -> Result<Self, StateError> {
        if !is_bucket_name(name) {
            return Err(StateError::BadName(name.to_owned()));
        }
        let jetstream = JetStream::new(bus);
        let stream = format!("OBJ_{name}");
        let config = StreamConfig {
            name: stream.clone(),
            subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
            retention: "limits",
            storage: "file",
            discard: "new",
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: -1,
            max_msg_size: -1,
            max_msgs_per_subject: -1,
            allow_rollup_hdrs: true,
            allow_direct: true,
            ..StreamConfig::default()
        };
        jetstream.open_stream(config, Replicas::Auto).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                jetstream,
                name: name.to_owned(),
                stream,
            }),
        })
    }

    /// Stores an object under a name, replacing any that was there. It is visible, whole, once this returns.
    ///
    /// # Errors
    ///
    /// When a write was refused or not confirmed.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectError> {
        let mut attempt = 1;
        loop {
            match self.write(name, &bytes).await {
                Err(StateError::Interrupted(_)) if attempt < ATTEMPTS => attempt += 1,
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn write(&self, name: &str, bytes: &Bytes) -> Result<(), StateError> {
        let before = self.meta(name).await?;
        let nuid = uuid::Uuid::new_v4().simple().to_string();
        let chunks = match self.write_chunks(&nuid, bytes).await {
            Ok(chunks) => chunks,
            Err(err) => {
                self.forget_chunks(&nuid).await;
                return Err(err);
            }
        };
        let meta = Meta {
            name: name.to_owned(),
            bucket: self.inner.name.clone(),
            nuid,
            size: bytes.len() as u64,
            chunks: chunks as u64,
            digest: format!("{DIGEST_PREFIX}{}", BASE64URL.encode(&Sha256::digest(bytes))),
            mtime: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            deleted: false,
        };
        match self.write_meta(name, &meta).await {
            Ok(()) => {
                if let Some(before) = before.filter(|before| !before.nuid.is_empty()) {
                    self.forget_chunks(&before.nuid).await;
                }
                Ok(())
            }
            // If the description may be there, its chunks must be too.
            Err(err) if err.outcome_unknown() => Err(err),
            Err(err) => {
                self.forget_chunks(&meta.nuid).await;
                Err(err)
            }
        }
    }

    /// Stores the bytes in chunks and returns how many there are.
    async fn write_chunks(&self, nuid: &str, bytes: &Bytes) -> Result<usize, StateError> {
        let jetstream = &self.inner.jetstream;
        let subject = self.subject("C", nuid);
        let size = CHUNK.min(jetstream.bus().max_payload()).max(1);
        let chunks = bytes.len().div_ceil(size);
        // The order of chunks is the order of the object. They leave in turn on one connection, but one that had to be sent
        // again may have been overtaken, which its sequence shows.
        stream::iter(0..chunks)
            .map(|n| {
                let chunk = bytes.slice(n * size..bytes.len().min((n + 1) * size));
                jetstream.store(&subject, Headers::new(), chunk)
            })
            .buffered(CHUNKS_IN_FLIGHT)
            .try_fold(0, async |last, sequence| {
                if sequence > last {
                    Ok(sequence)
                } else {
                    Err(StateError::Interrupted("chunks were stored out of order"))
                }
            })
            .await?;
        Ok(chunks)
    }

    /// Removes chunks that no object names. They are only a waste of space, so that failing here fails nobody.
    async fn forget_chunks(&self, nuid: &str) {
        let Inner {
            jetstream,
            stream,
            name,
        } = &*self.inner;
        if let Err(err) = jetstream.purge(stream, &self.subject("C", nuid)).await {
            debug!(store = name, error = %err, "chunks that nobody needs stay behind");
        }
    }

    /// Reads an object of at most `bytes_max` bytes. Its chunks, size and stated SHA-256 are checked; a caller who knows better what the
    /// object should be, such as by its digest, checks that too.
    ///
    /// # Errors
    ///
    /// When there is none, it is too large or damaged, or the store cannot be read.
    pub async fn get(&self, name: &str, bytes_max: u64) -> Result<Bytes, ObjectError> {
        let mut attempt = 1;
        loop {
            let meta = self.live_meta(name).await?;
            let meta = meta.ok_or_else(|| ObjectError::NotFound(name.to_owned()))?;
            if meta.size > bytes_max {
                return Err(ObjectError::TooLarge {
                    name: name.to_owned(),
                    bytes: meta.size,
                    max: bytes_max,
                });
            }
            match self.read(name, &meta).await {
                // Somebody may have replaced the object under our hands, and its chunks with it.
                Err(ObjectError::State(StateError::Interrupted(_)) | ObjectError::Damaged { .. })
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Tells what is known of an object; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, ObjectError> {
        Ok(self.live_meta(name).await?.map(|meta| ObjectInfo {
            sha256: meta.sha256(),
            name: meta.name,
            bytes: meta.size,
        }))
    }

    /// Says whether there is an object of that name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn has(&self, name: &str) -> Result<bool, ObjectError> {
        Ok(self.live_meta(name).await?.is_some())
    }

    /// Removes an object; one that is not there is none the less gone.
    ///
    /// # Errors
    ///
    /// When the store cannot be changed.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let Some(meta) = self.live_meta(name).await? else {
            return Ok(());
        };
        let gone = Meta {
            deleted: true,
            size: 0,
            chunks: 0,
            digest: String::new(),
            ..meta.clone()
        };
        self.write_meta(name, &gone).await?;
        self.inner
            .jetstream
            .purge(&self.inner.stream, &self.subject("C", &meta.nuid))
            .await?;
        Ok(())
    }

    async fn read(&self, name: &str, meta: &Meta) -> Result<Bytes, ObjectError> {
        let damaged = |what| ObjectError::Damaged {
            name: name.to_owned(),
            what,
        };
        let Inner { jetstream, stream, .. } = &*self.inner;
        let size = usize::try_from(meta.size).map_err(|_| damaged("its size is not possible"))?;
        let mut bytes = BytesMut::new();
        if meta.chunks > 0 {
            let filter = self.subject("C", &meta.nuid);
            let mut reader = OrderedReader::open(jetstream, stream, &filter, Start::All, false).await?;
            if reader.starts_empty() {
                return Err(damaged("its chunks are gone"));
            }
            for _ in 0..meta.chunks {
                let delivered = reader.next().await?;
                bytes.extend_from_slice(&delivered.message.payload);
                // The stated size was admitted; what comes must keep to it.
                if bytes.len() > size || (delivered.place.pending == 0 && bytes.len() < size) {
                    return Err(damaged("its size is not what was stored"));
                }
            }
            reader.close().await;
        }
        if bytes.len() != size {
            return Err(damaged("its size is not what was stored"));
        }
        if meta
            .sha256()
            .is_some_and(|stated| stated != Sha256::digest(&bytes).as_slice())
        {
            return Err(damaged("its SHA-256 is not what was stored"));
        }
        Ok(bytes.freeze())
    }

    async fn live_meta(&self, name: &str) -> Result<Option<Meta>, StateError> {
        Ok(self.meta(name).await?.filter(|meta| !meta.deleted))
    }

    async fn meta(&self, name: &str) -> Result<Option<Meta>, StateError> {
        let subject = self.subject("M", &BASE64URL.encode(name.as_bytes()));
        let message = self.inner.jetstream.last_message(&self.inner.stream, &subject).await?;
        message
            .map(|message| serde_json::from_slice(&message.payload).map_err(StateError::unexpected))
            .transpose()
    }

    async fn write_meta(&self, name: &str, meta: &Meta) -> Result<(), StateError> {
        let subject = self.subject("M", &BASE64URL.encode(name.as_bytes()));
        let mut headers = Headers::new();
        set(&mut headers, "Nats-Rollup", "sub");
        let body = serde_json::to_vec(meta).map_err(StateError::unexpected)?;
        self.inner
            .jetstream
            .store(&subject, headers, body.into())
            .await
            .map(drop)
    }

    fn subject(&self, kind: &str, token: &str) -> String {
        format!("$O.{}.{kind}.{token}", self.inner.name)
    }
}

const DIGEST_PREFIX: &str = "SHA-256=";

/// An object's description, as all NATS clients write it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Meta {
    name: String,
    bucket: String,
    nuid: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    chunks: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    digest: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    mtime: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl Meta {
    fn sha256(&self) -> Option<Vec<u8>> {
        BASE64URL
            .decode(self.digest.strip_prefix(DIGEST_PREFIX)?.as_bytes())
            .ok()
    }
}
