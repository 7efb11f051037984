//! Components, by digest: from this host's disk, else from the lattice's artifact store, else from the registry they came from. What
//! came from elsewhere is hashed before it is kept, so neither store nor broker nor registry has to be trusted.

mod code;
mod registry;
mod signed;
mod store;
mod sweep;

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use lattice_bus::{Bus, ObjectError, StateError};
use lattice_control::{ARTIFACT_BYTES_MAX, artifact_name};
use lattice_core::token::ImageTokens;
use lattice_core::{Digest, LatticeId, subject};
use lattice_oci::{OciError, Registries};
use tokio::sync::Notify;
use tracing::debug;

pub(crate) use code::CodeError;
pub(crate) use signed::NotSigned;
use store::BlobStore;
pub(crate) use sweep::{keep_small, tend_signatures};

use crate::config::BlobLimits;
use crate::tasks::Tasks;
use crate::turns::Turns;

/// Fetches components.
pub(crate) struct Artifacts {
    disk: BlobStore,
    /// What is signed of code that was compiled elsewhere.
    statements: PathBuf,
    bus: Bus,
    bucket: String,
    /// None: registries are not for this host to ask.
    registries: Option<Registries>,
    limits: BlobLimits,
    tasks: Tasks,
    /// Told when something new was kept.
    grown: Notify,
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
    /// Nobody stored it, and its registry does not give it.
    #[error("there is no component {digest} in the lattice's artifact store, and its registry does not help")]
    Registry {
        /// Which.
        digest: Digest,
        /// What the registry said.
        #[source]
        error: OciError,
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
    /// Keeps components in `folder`, and in `statements` what is signed of code.
    pub(crate) fn open(
        folder: PathBuf,
        statements: PathBuf,
        bus: Bus,
        lattice: &LatticeId,
        registries: Option<Registries>,
        limits: BlobLimits,
        tasks: Tasks,
    ) -> io::Result<Self> {
        let bucket = subject::buckets(lattice).artifacts;
        let disk = BlobStore::open(folder)?;
        // Nobody else writes here, and we have not begun.
        disk.remove_leftovers()?;
        Ok(Self {
            disk,
            statements,
            bus,
            bucket,
            registries,
            limits,
            tasks,
            grown: Notify::new(),
            turns: Turns::default(),
        })
    }

    /// Returns the component of that digest, which came from `image` once. A host that was cut off starts what it has run before.
    pub(crate) async fn fetch(&self, digest: &Digest, image: &str) -> Result<Fetched, FetchError> {
        let _turn = self.turns.take(digest).await;
        if let Some(bytes) = self.read(*digest).await? {
            return Ok(Fetched { bytes, from_disk: true });
        }
        let (bytes, tokens) = self.obtain(digest, image).await?;
        let (disk, digest, kept) = (self.disk.clone(), *digest, bytes.clone());
        blocking(move || disk.put(&digest, &kept)).await?;
        self.keep_tokens(&digest, tokens).await?;
        self.grown.notify_one();
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

    /// Gets a component from elsewhere, and its signatures with it: whether anybody wants to see them may change while this host is cut
    /// off.
    async fn obtain(&self, digest: &Digest, image: &str) -> Result<(Bytes, ImageTokens), FetchError> {
        match self.download(digest).await {
            Ok(bytes) => {
                let tokens = self.stored_tokens(digest).await;
                Ok((bytes, tokens.unwrap_or_else(|_| ImageTokens::none(*digest))))
            }
            // What lies in the store is of no use, or cannot be reached; the registry may have it yet.
            Err(not_stored) => match self.origin(image) {
                None => Err(not_stored),
                Some(origin) => match origin.component(digest).await {
                    Ok(found) => {
                        self.share(digest, &found);
                        Ok(found)
                    }
                    Err(error) if matches!(not_stored, FetchError::NotFound(_)) => {
                        Err(FetchError::Registry { digest: *digest, error })
                    }
                    Err(error) => {
                        debug!(%digest, %error, "the registry does not help either");
                        Err(not_stored)
                    }
                },
            },
        }
    }

    /// Keeps signatures on disk, where a host that is cut off finds them.
    async fn keep_tokens(&self, digest: &Digest, tokens: ImageTokens) -> Result<(), FetchError> {
        if tokens.is_empty() {
            return Ok(());
        }
        let (disk, digest) = (self.disk.clone(), *digest);
        blocking(move || disk.add_tokens(&digest, &tokens)).await
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
