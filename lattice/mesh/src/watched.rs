//! A bucket that is watched from the first moment NATS allows it.

use std::time::Duration;

use lattice_bus::{Bucket, BucketConfig, BucketEvent, Bus, Watch};

/// Between attempts to open a bucket: JetStream may start later than we do.
const RETRY: Duration = Duration::from_secs(1);

/// Opens, then watches.
#[derive(Debug)]
pub(crate) struct WatchedBucket {
    bus: Bus,
    config: BucketConfig,
    opened: Option<(Bucket, Watch)>,
    said: bool,
}

impl WatchedBucket {
    pub(crate) fn new(bus: Bus, config: BucketConfig) -> Self {
        Self {
            bus,
            config,
            opened: None,
            said: false,
        }
    }

    /// The next event; `None` once the bus is closed.
    ///
    /// # Cancel safety
    /// Cancel safe: an attempt to open is begun anew.
    pub(crate) async fn recv(&mut self) -> Option<BucketEvent> {
        loop {
            if let Some((_, watch)) = &mut self.opened {
                return watch.recv().await;
            }
            self.bus.connected().await?;
            match self.bus.bucket(self.config.clone()).await {
                Ok(bucket) => {
                    let watch = bucket.watch_all();
                    self.opened = Some((bucket, watch));
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.said, true) {
                        tracing::warn!(
                            bucket = %self.config.name,
                            error = &error as &dyn std::error::Error,
                            "cannot open the bucket yet; going on with what is on disk"
                        );
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
