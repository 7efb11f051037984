//! What an engine is started with.

use std::path::PathBuf;

use crate::profile::{Compilation, ProfileChoice};

/// Settings of an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The folder for machine code. It is made if need be, and made private. When it cannot be, nothing is cached.
    pub cache_dir: PathBuf,
    /// How to run guests.
    pub profile: ProfileChoice,
    /// Who compiles components. A program that was built without a compiler leaves it to others whatever stands here.
    pub compilation: Compilation,
    /// Components that are compiled at a time; the profile's own number when `None`. Each may take hundreds of megabytes.
    pub compiles_max: Option<usize>,
    /// How much machine code is kept. What was not used for longest goes first.
    pub cache_bytes_max: u64,
    /// The largest component that is compiled. Compilation time and memory grow with it.
    pub component_bytes_max: u64,
}

impl EngineConfig {
    /// Room for dozens of components written in garbage-collected languages.
    pub const DEFAULT_CACHE_BYTES_MAX: u64 = 2 << 30;
    /// A Python component with its interpreter has about 40 MiB.
    pub const DEFAULT_COMPONENT_BYTES_MAX: u64 = 64 << 20;

    /// Defaults, with machine code in `cache_dir`.
    #[must_use]
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            profile: ProfileChoice::default(),
            compilation: Compilation::default(),
            compiles_max: None,
            cache_bytes_max: Self::DEFAULT_CACHE_BYTES_MAX,
            component_bytes_max: Self::DEFAULT_COMPONENT_BYTES_MAX,
        }
    }
}
