//! A bucket that is opened when it is first needed.

use lattice_bus::{Bucket, BucketConfig, Bus};
use provider_sdk::capability::KvError;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::counter::Counters;
use crate::store::translate;

/// One NATS bucket and the increments on their way to it. Shared by all links that open it.
pub(crate) struct Place {
    bus: Bus,
    config: BucketConfig,
    tasks: TaskTracker,
    opened: OnceCell<Opened>,
}

/// A bucket that is open.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) bucket: Bucket,
    pub(crate) counters: Counters,
}

impl Place {
    pub(crate) fn new(bus: Bus, config: BucketConfig, tasks: TaskTracker) -> Self {
        Self {
            bus,
            config,
            tasks,
            opened: OnceCell::new(),
        }
    }

    /// Opens the bucket, making it if it is not there.
    pub(crate) async fn open(&self) -> Result<&Opened, lattice_bus::StateError> {
        self.opened
            .get_or_try_init(|| async {
                let bucket = self.bus.bucket(self.config.clone()).await?;
                Ok(Opened {
                    counters: Counters::new(bucket.clone(), self.tasks.clone()),
                    bucket,
                })
            })
            .await
    }

    /// As [`open`](Self::open), for a call.
    pub(crate) async fn get(&self) -> Result<&Opened, KvError> {
        self.open().await.map_err(|error| translate(&error))
    }

    /// Returns the largest value that fits in a message together with its key.
    pub(crate) fn value_bytes_max(&self, key: &str) -> usize {
        /// The headers of a conditional write.
        const HEADERS: usize = 256;
        self.bus.max_payload().saturating_sub(HEADERS + key.len())
    }
}
