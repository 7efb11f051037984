//! Holds a move at the beginning of a phase, so that a fault comes just there: see `sabotage` in `lattice-stateful`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lattice_stateful::Phase;

/// A move that gets as far does so within this.
const REACHED_WITHIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);

/// The folder by which hosts are told.
#[derive(Debug)]
pub(crate) struct Holds(tempfile::TempDir);

impl Holds {
    pub(crate) fn new() -> Result<Self> {
        tempfile::tempdir().map(Self).context("cannot make a folder")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Has the next move that reaches this phase held there.
    pub(crate) fn arm(&self, phase: Phase) -> Result<()> {
        std::fs::write(self.file(phase), "").context("cannot tell the hosts")
    }

    /// Waits until one is held. False when none gets so far.
    pub(crate) async fn reached(&self) -> bool {
        let started = Instant::now();
        while !self.held().exists() {
            if started.elapsed() > REACHED_WITHIN {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }

    /// Lets it go on, and holds none any more.
    pub(crate) fn release(&self) {
        let files = Phase::ALL.map(|phase| self.file(phase));
        for file in files.into_iter().chain([self.held()]) {
            let _ = std::fs::remove_file(file);
        }
    }

    fn file(&self, phase: Phase) -> PathBuf {
        self.folder().join(format!("hold-{}", phase.name()))
    }

    fn held(&self) -> PathBuf {
        self.folder().join("held")
    }
}
