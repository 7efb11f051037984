//! Where components came from, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Where components came from, since the engine was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    /// Another actor used them already.
    pub from_memory: u64,
    /// They had been compiled before.
    pub from_disk: u64,
    /// They had been compiled elsewhere and signed.
    pub signed: u64,
    /// They were compiled, or could not be.
    pub compiled: u64,
    /// How long the compiler took for those.
    pub compile_time: Duration,
}

#[derive(Default)]
pub(super) struct Tally {
    from_memory: AtomicU64,
    from_disk: AtomicU64,
    signed: AtomicU64,
    compiled: AtomicU64,
    compile_micros: AtomicU64,
}

impl Tally {
    pub(super) fn was_in_memory(&self) {
        self.from_memory.fetch_add(1, Relaxed);
    }

    #[cfg(feature = "compiler")]
    pub(super) fn was_on_disk(&self) {
        self.from_disk.fetch_add(1, Relaxed);
    }

    pub(super) fn was_signed(&self) {
        self.signed.fetch_add(1, Relaxed);
    }

    #[cfg(feature = "compiler")]
    pub(super) fn was_compiled(&self, took: Duration) {
        self.compiled.fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.compile_micros.fetch_add(micros, Relaxed);
    }

    pub(super) fn read(&self) -> Loads {
        Loads {
            from_memory: self.from_memory.load(Relaxed),
            from_disk: self.from_disk.load(Relaxed),
            signed: self.signed.load(Relaxed),
            compiled: self.compiled.load(Relaxed),
            compile_time: Duration::from_micros(self.compile_micros.load(Relaxed)),
        }
    }
}
