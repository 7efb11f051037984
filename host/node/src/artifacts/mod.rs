//! Components, by digest: from this host's disk, else from the lattice's artifact store. What came from elsewhere is hashed
//! before it is kept, so neither the store nor the broker has to be trusted.

mod store;

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use lattice_bus::{Bus, ObjectError, StateError};
use lattice_control::{ARTIFACT_BYTES_MAX, artifact_name};
use lattice_core::{Digest, LatticeId, subject};
use tracing::debug;

use store::BlobStore;

use crate::turns::Turns;

/// Fetches components.
pub(crate) struct Artifacts {
    disk: BlobStore,
    bus: Bus,
    bucket: String,
    /// One fetch per digest at a time: the second asker finds the first one's result on disk.
    turns: Turns<Digest>,
}

/// Why a component cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// Nobody stored it.
    #[error("there is no component {0} in the lattice's artifact store, nor on this host's disk")]
    NotFound(Digest),
    /// What the store holds under the digest is something else.
    #[error("what the artifact store holds as {asked} has the digest {got}")]
    WrongDigest {
        /// What was asked for.
        asked: Digest,
        /// What came.
        got: Digest,
    },
    /// It is too large for this host.
    #[error("the component {digest} has {bytes} bytes, this host takes {ARTIFACT_BYTES_MAX}")]
    TooLarge {
        /// Which.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// The store cannot be read now.
    #[error("the artifact store cannot be read: {0}")]
    Store(String),
    /// This host's disk fails.
    #[error("this host's disk fails")]
    Disk(#[source] io::Error),
}

/// A component's bytes, and whether they were on this host already.
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    pub(crate) from_disk: bool,
}

impl Artifacts {
    /// Keeps components in `folder`.
    pub(crate) fn open(folder: PathBuf, bus: Bus, lattice: &LatticeId) -> io::Result<Self> {
        let bucket = subject::buckets(lattice).artifacts;
        Ok(Self {
            disk: BlobStore::open(folder)?,
            bus,
            bucket,
            turns: Turns::default(),
        })
    }

    /// Returns the component of that digest. A host that was cut off starts what it has run before.
    pub(crate) async fn fetch(&self, digest: &Digest) -> Result<Fetched, FetchError> {
        let _turn = self.turns.take(digest).await;
        if let Some(bytes) = self.read(*digest).await? {
            return Ok(Fetched { bytes, from_disk: true });
        }
        let bytes = self.download(digest).await?;
        let (disk, digest, kept) = (self.disk.clone(), *digest, bytes.clone());
        blocking(move || disk.put(&digest, &kept)).await?;
        debug!(%digest, bytes = bytes.len(), "component fetched");
        Ok(Fetched {
            bytes,
            from_disk: false,
        })
    }

    async fn read(&self, digest: Digest) -> Result<Option<Bytes>, FetchError> {
        let disk = self.disk.clone();
        blocking(move || disk.get(&digest)).await
    }

    async fn download(&self, digest: &Digest) -> Result<Bytes, FetchError> {
        let state = |error: StateError| FetchError::Store(error.to_string());
        let store = self.bus.objects(&self.bucket).await.map_err(state)?;
        let bytes = store
            .get(&artifact_name(digest), ARTIFACT_BYTES_MAX)
            .await
            .map_err(|error| match error {
                ObjectError::NotFound(_) => FetchError::NotFound(*digest),
                ObjectError::TooLarge { bytes, .. } => FetchError::TooLarge { digest: *digest, bytes },
                other => FetchError::Store(other.to_string()),
            })?;
        let (asked, body) = (*digest, bytes.clone());
        let got = blocking(move || Ok(Digest::of(&body))).await?;
        if got == asked {
            Ok(bytes)
        } else {
            Err(FetchError::WrongDigest { asked, got })
        }
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(FetchError::Disk),
        Err(error) => Err(FetchError::Disk(io::Error::other(error))),
    }
}
