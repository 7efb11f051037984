//! The trust in force on this member: from disk at start, from a file at first boot, from the bucket ever after.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use lattice_bus::{BucketEvent, Bus, Entry, Operation};
use lattice_core::event::names;
use lattice_core::subject::TRUST_BUNDLE_KEY;
use lattice_core::trust::{Admission, TrustMark, TrustRefusal};
use lattice_core::{LatticeId, OperatorId, Trust, UnixSeconds};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Mutex, watch};

use crate::watched::WatchedBucket;
use crate::{DiskError, Events, buckets, disk};

/// When the disk refused, the next attempt.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// The trust in force. Reading it takes no lock.
#[derive(Debug)]
pub struct TrustStore {
    current: ArcSwap<Trust>,
    file: PathBuf,
    /// Held while a bundle is accepted: disk first, then memory.
    accepting: Mutex<()>,
    serial: watch::Sender<Option<u64>>,
}

/// What is kept on disk. The mark is what makes an older bundle stay refused after a restart.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    mark: TrustMark,
    bundle: String,
}

/// Why a bundle did not come into force.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] TrustRefusal),
    /// It could not be kept, and what could be forgotten is not believed.
    #[error("the trust bundle could not be kept on disk")]
    Disk(#[from] DiskError),
}

impl TrustStore {
    /// Goes on from what is on disk.
    pub(crate) fn load(
        lattice: LatticeId,
        operators: impl IntoIterator<Item = OperatorId>,
        data_dir: &Path,
    ) -> Result<Self, DiskError> {
        let file = data_dir.join("trust.json");
        let saved: Option<Saved> = disk::read_json(&file).map_err(|source| DiskError::new("read", &file, source))?;
        let mut trust = Trust::new(lattice, operators);
        if let Some(saved) = saved {
            trust = trust.resume(Some(saved.mark));
            // An operator may have been taken off the list meanwhile; then only the mark counts.
            if let Err(refusal) = trust.admit(&saved.bundle, now()) {
                tracing::warn!(%refusal, "the trust bundle on disk is not accepted any more");
            }
        }
        let serial = watch::Sender::new(trust.serial());
        Ok(Self {
            current: ArcSwap::from_pointee(trust),
            file,
            accepting: Mutex::default(),
            serial,
        })
    }

    /// The trust in force.
    pub fn current(&self) -> Arc<Trust> {
        self.current.load_full()
    }

    /// The serial of the bundle in force, and its changes. None before the first bundle.
    pub fn serial(&self) -> watch::Receiver<Option<u64>> {
        self.serial.subscribe()
    }

    /// Puts a bundle into force: on disk first, so that nothing believed is forgotten.
    ///
    /// # Errors
    /// The bundle is refused, or cannot be kept. What was in force stays.
    pub async fn admit(&self, bundle: &str) -> Result<Admission, AdmitError> {
        let _one_at_a_time = self.accepting.lock().await;
        let mut trust = (*self.current.load_full()).clone();
        let admission = trust.admit(bundle, now())?;
        let (Admission::Changed { serial }, Some(mark)) = (admission, trust.mark()) else {
            return Ok(admission);
        };
        let saved = Saved {
            mark,
            bundle: bundle.to_owned(),
        };
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            disk::write_json(&file, &saved).map_err(|source| DiskError::new("write", &file, source))
        });
        written.await.map_err(|_| DiskError::interrupted(&self.file))??;
        self.current.store(Arc::new(trust));
        self.serial.send_replace(Some(serial));
        tracing::info!(serial, "trust bundle in force");
        Ok(admission)
    }
}

pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::from(SystemTime::now())
}

/// Follows the bucket of the trust bundle.
pub(crate) struct Watcher {
    trust: Arc<TrustStore>,
    bucket: WatchedBucket,
    events: Events,
    /// The revision whose refusal was reported.
    reported: Option<u64>,
}

impl Watcher {
    pub(crate) fn new(bus: Bus, lattice: &LatticeId, trust: Arc<TrustStore>, events: Events) -> Self {
        Self {
            trust,
            bucket: WatchedBucket::new(bus, buckets::trust(lattice)),
            events,
            reported: None,
        }
    }

    /// Runs until dropped, or the bus is closed.
    pub(crate) async fn run(mut self) {
        while let Some(event) = self.bucket.recv().await {
            if let BucketEvent::Entry(entry) = event {
                self.take(&entry).await;
            }
        }
    }

    async fn take(&mut self, entry: &Entry) {
        // A bundle that is deleted stays in force: only a later one replaces it.
        if entry.key != TRUST_BUNDLE_KEY || entry.operation != Operation::Put {
            return;
        }
        let bundle = String::from_utf8_lossy(&entry.value);
        loop {
            match self.trust.admit(&bundle).await {
                Ok(_) => return,
                Err(AdmitError::Refused(refusal)) => return self.report(entry.revision, &refusal),
                Err(AdmitError::Disk(error)) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a trust bundle cannot be kept on disk; it waits until it can"
                    );
                    tokio::time::sleep(DISK_RETRY).await;
                }
            }
        }
    }

    fn report(&mut self, revision: u64, refusal: &TrustRefusal) {
        if self.reported.replace(revision) == Some(revision) {
            return;
        }
        tracing::warn!(reason = %refusal, "trust bundle refused");
        let data = json!({ "reason": refusal.to_string() });
        self.events.tell(names::TRUST_REFUSED, None, data);
    }
}
