//! The configuration of links: fetched by digest, verified, kept on disk for as long as a link needs it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lattice_bus::{Bucket, Bus, StateError};
use lattice_core::{ConfigError, ConfigMap, Digest, LatticeId};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};

use crate::{buckets, disk};

/// Between attempts to fetch what is not there yet: the link may be faster than its configuration.
const RETRY: Duration = Duration::from_secs(2);
/// Configurations in memory. When full, all are dropped and read from disk again.
const MEMORY_MAX: usize = 4096;

/// Configurations by digest.
#[derive(Debug)]
pub struct ConfigStore {
    bus: Bus,
    lattice: LatticeId,
    folder: PathBuf,
    bucket: OnceCell<Bucket>,
    memory: Mutex<HashMap<Digest, Arc<ConfigMap>>>,
    wanted: watch::Sender<HashSet<Digest>>,
}

/// Why a configuration cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchConfigError {
    /// Nobody has put it into the bucket.
    #[error("no configuration with digest {0} is in the bucket")]
    NotFound(Digest),
    /// What lies there is something else.
    #[error("the configuration in the bucket is not the one the link was signed for")]
    Wrong(#[from] ConfigError),
    /// The bucket cannot be read.
    #[error("cannot read the configuration bucket")]
    Bucket(#[from] StateError),
}

impl ConfigStore {
    pub(crate) fn new(bus: Bus, lattice: LatticeId, data_dir: &std::path::Path) -> Self {
        Self {
            bus,
            lattice,
            folder: data_dir.join("config"),
            bucket: OnceCell::new(),
            memory: Mutex::default(),
            wanted: watch::Sender::default(),
        }
    }

    /// Gets a configuration: from memory, else from disk, else from the bucket. Verified each time it comes from outside.
    ///
    /// # Errors
    /// It is nowhere, or what is there is something else.
    pub async fn get(&self, digest: &Digest) -> Result<Arc<ConfigMap>, FetchConfigError> {
        if let Some(config) = self.memory.lock().get(digest) {
            return Ok(config.clone());
        }
        let config = match self.on_disk(digest).await {
            Some(config) => config,
            None => self.in_bucket(digest).await?,
        };
        let config = Arc::new(config);
        let mut memory = self.memory.lock();
        if memory.len() >= MEMORY_MAX {
            memory.clear();
        }
        memory.insert(*digest, config.clone());
        Ok(config)
    }

    /// Says which configurations the links in force need.
    pub(crate) fn want(&self, wanted: HashSet<Digest>) {
        self.wanted.send_if_modified(|current| {
            let changed = *current != wanted;
            if changed {
                *current = wanted;
            }
            changed
        });
    }

    /// Fetches what is wanted as soon as it can be had, so that it is there when NATS is not, and drops what is not wanted any more.
    pub(crate) async fn keep_fetched(&self) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let digests = wanted.borrow_and_update().clone();
            self.memory.lock().retain(|digest, _| digests.contains(digest));
            let mut missing = false;
            for digest in &digests {
                if let Err(error) = self.keep(digest).await {
                    tracing::debug!(%digest, error = &error as &dyn std::error::Error, "configuration not fetched yet");
                    missing = true;
                }
            }
            self.sweep_disk(digests).await;
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if missing => {}
            }
        }
    }

    /// Sees to it that a configuration is on disk. One in memory may have been swept away before anybody said that it is wanted.
    async fn keep(&self, digest: &Digest) -> Result<(), FetchConfigError> {
        match self.on_disk(digest).await {
            Some(_) => Ok(()),
            None => self.in_bucket(digest).await.map(drop),
        }
    }

    async fn on_disk(&self, digest: &Digest) -> Option<ConfigMap> {
        let (path, digest) = (self.file(digest), *digest);
        let read =
            tokio::task::spawn_blocking(move || std::fs::read(path).ok().map(|body| ConfigMap::decode(&body, &digest)));
        match read.await.ok()?? {
            Ok(config) => Some(config),
            Err(error) => {
                tracing::warn!(%digest, %error, "a configuration on disk is damaged; fetching it again");
                None
            }
        }
    }

    async fn in_bucket(&self, digest: &Digest) -> Result<ConfigMap, FetchConfigError> {
        let bucket = self
            .bucket
            .get_or_try_init(|| self.bus.bucket(buckets::config(&self.lattice)))
            .await?;
        let entry = bucket
            .get(&digest.hex())
            .await?
            .ok_or(FetchConfigError::NotFound(*digest))?;
        let config = ConfigMap::decode(&entry.value, digest)?;
        let path = self.file(digest);
        let written = tokio::task::spawn_blocking(move || disk::replace(&path, &entry.value)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%digest, %error, "a configuration cannot be kept on disk");
        }
        Ok(config)
    }

    /// Removes files that no link needs.
    async fn sweep_disk(&self, wanted: HashSet<Digest>) {
        let folder = self.folder.clone();
        let names: HashSet<String> = wanted.iter().map(Digest::hex).collect();
        let swept = tokio::task::spawn_blocking(move || {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let unwanted = entry.file_name().to_str().is_none_or(|name| !names.contains(name));
                if unwanted {
                    // One that stays does no harm.
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        });
        let _ = swept.await;
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }
}
