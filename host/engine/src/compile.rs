//! Components from bytes to machine code, once per digest.

mod cache;
#[cfg(feature = "compiler")]
mod fingerprint;
#[cfg(feature = "compiler")]
mod here;
mod signed;
mod tally;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use lattice_core::Digest;
use lattice_core::aot::CodeTarget;
use lattice_core::token::VerifiedCode;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};

use self::cache::DiskCache;
#[cfg(feature = "compiler")]
pub(crate) use self::here::usual_flavor;
pub use self::tally::Loads;
use self::tally::Tally;
use crate::compiled::Compiled;
use crate::config::EngineConfig;
use crate::epoch::Ticker;
use crate::profile::{Chosen, Compilation, Flavor};

/// Why bytes did not become a component that runs here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not those that were asked for.
    #[error("the bytes have the digest {got}, {expected} was asked for")]
    WrongDigest {
        /// What was asked for.
        expected: Digest,
        /// What the bytes have.
        got: Digest,
    },
    /// The component is larger than this host compiles.
    #[error("the component has {bytes} bytes, more than the {max} that this host takes")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The host's limit.
        max: u64,
    },
    /// It is a core module, or not WebAssembly at all.
    #[error("these bytes are {0}, not a WebAssembly component")]
    NotAComponent(&'static str),
    /// The compiler refused it.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// This host compiles nothing.
    #[error("this host compiles nothing: it runs only what was compiled elsewhere and signed")]
    NoCompiler,
    /// The code is not the one that was vouched for.
    #[error("the code has the digest {got}, the signature is for {expected}")]
    OtherCode {
        /// What was signed.
        expected: Digest,
        /// What came.
        got: Digest,
    },
    /// The code is for another machine, or another profile.
    #[error("the code was made for {got}, this host runs {wanted}")]
    OtherTarget {
        /// What runs here.
        wanted: CodeTarget,
        /// What the code is for.
        got: CodeTarget,
    },
    /// The code is for another engine.
    #[error("the code was made for the engine {got}, this host has {}", crate::ENGINE)]
    OtherEngine {
        /// What the code is for.
        got: String,
    },
    /// The engine does not take the code, whatever was said of it.
    #[error("the engine refuses the code: {0}")]
    RefusedCode(String),
    /// The code that was vouched for is not on this host's disk, or not any more.
    #[error("the code is not on this host's disk")]
    NotKept,
    /// The second engine, for asynchronous components, does not work on this machine.
    #[error("this host cannot run asynchronous components: {0}")]
    Concurrency(String),
    /// The engine for instances that stay does not work on this machine.
    #[error("this host cannot run stateful components: {0}")]
    Residence(String),
    /// The thread that compiled it died.
    #[error("the compiler crashed on this component")]
    Crashed,
}

/// Compiles components and remembers them: in memory while an actor uses them, on disk for longer.
pub(crate) struct Compiler {
    chosen: Chosen,
    concurrent: OnceLock<Result<wasmtime::Engine, String>>,
    resident: OnceLock<Result<wasmtime::Engine, String>>,
    ticker: Ticker,
    cache: DiskCache,
    bytes_max: u64,
    slots: Arc<Semaphore>,
    loaded: Mutex<HashMap<Digest, Loading>>,
    tally: Tally,
}

/// A component that is loaded, being loaded, or was. Whoever comes second waits for the first.
#[derive(Clone, Default)]
struct Loading(Arc<OnceCell<Weak<Compiled>>>);

/// What a component is made of.
#[derive(Clone)]
pub(crate) enum Source {
    /// Its own bytes, to be compiled here.
    Component(Bytes),
    /// Code that somebody vouches for: these bytes, or without any those that are on disk.
    Signed(Arc<VerifiedCode>, Option<Bytes>),
}

impl Compiler {
    pub(crate) fn new(chosen: Chosen, ticker: Ticker, config: &EngineConfig) -> Self {
        ticker.add(&chosen.engine);
        let compiles_max = config.compiles_max.unwrap_or_else(|| chosen.compiles_max()).max(1);
        Self {
            chosen,
            concurrent: OnceLock::new(),
            resident: OnceLock::new(),
            ticker,
            cache: DiskCache::open(config.cache_dir.clone(), config.cache_bytes_max),
            bytes_max: config.component_bytes_max,
            slots: Arc::new(Semaphore::new(compiles_max)),
            loaded: Mutex::new(HashMap::new()),
            tally: Tally::default(),
        }
    }

    pub(crate) fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    /// Where components came from so far.
    pub(crate) fn loads(&self) -> Loads {
        self.tally.read()
    }

    /// Returns the component with this digest, compiled for this host.
    ///
    /// # Cancel safety
    ///
    /// A compilation that has begun goes on and fills the cache.
    pub(crate) async fn load(self: &Arc<Self>, digest: Digest, source: Source) -> Result<Arc<Compiled>, LoadError> {
        loop {
            let loading = self.loaded.lock().entry(digest).or_default().clone();
            let mut fresh = None;
            let known = loading
                .0
                .get_or_try_init(|| async {
                    let compiled = Arc::new(self.produce(digest, source.clone()).await?);
                    let weak = Arc::downgrade(&compiled);
                    fresh = Some(compiled);
                    Ok::<_, LoadError>(weak)
                })
                .await;
            match known {
                Ok(known) => {
                    if let Some(compiled) = fresh {
                        return Ok(compiled);
                    }
                    if let Some(compiled) = known.upgrade() {
                        self.tally.was_in_memory();
                        return Ok(compiled);
                    }
                    // The last actor that used it is gone: forget it and begin again.
                    self.forget(digest, &loading);
                }
                Err(error) => {
                    self.forget(digest, &loading);
                    return Err(error);
                }
            }
        }
    }

    fn forget(&self, digest: Digest, loading: &Loading) {
        let mut loaded = self.loaded.lock();
        if loaded.get(&digest).is_some_and(|now| Arc::ptr_eq(&now.0, &loading.0)) {
            loaded.remove(&digest);
        }
    }

    /// Whether a component is at hand, in memory or on disk, so that nothing has to be compiled.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        let loading = self.loaded.lock().get(digest).cloned();
        let in_memory = loading.is_some_and(|loading| loading.0.get().is_some_and(|known| known.strong_count() > 0));
        in_memory || self.cache.mentions(digest)
    }

    async fn produce(self: &Arc<Self>, digest: Digest, source: Source) -> Result<Compiled, LoadError> {
        let permit = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|_| LoadError::Crashed)?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match source {
                Source::Component(bytes) => this.produce_here(digest, &bytes),
                Source::Signed(code, bytes) => this.produce_signed(&code, bytes.as_deref()),
            }
        })
        .await
        .map_err(|_| LoadError::Crashed)?
    }

    /// Makes a component from its bytes.
    fn produce_here(&self, digest: Digest, bytes: &[u8]) -> Result<Compiled, LoadError> {
        self.check(digest, bytes)?;
        if self.chosen.report.compilation == Compilation::Elsewhere {
            return Err(LoadError::NoCompiler);
        }
        self.found_or_compiled(digest, bytes)
    }

    #[cfg(not(feature = "compiler"))]
    fn found_or_compiled(&self, _: Digest, _: &[u8]) -> Result<Compiled, LoadError> {
        Err(LoadError::NoCompiler)
    }

    fn check(&self, digest: Digest, bytes: &[u8]) -> Result<(), LoadError> {
        let len = bytes.len() as u64;
        if len > self.bytes_max {
            return Err(LoadError::TooLarge {
                bytes: len,
                max: self.bytes_max,
            });
        }
        let got = Digest::of(bytes);
        if got != digest {
            return Err(LoadError::WrongDigest { expected: digest, got });
        }
        check_component(bytes)
    }

    fn engine(&self, flavor: Flavor) -> Result<&wasmtime::Engine, LoadError> {
        let other = match flavor {
            Flavor::Sequential => return Ok(&self.chosen.engine),
            Flavor::Resident => &self.resident,
            Flavor::Concurrent => &self.concurrent,
        };
        let made = other.get_or_init(|| {
            let engine = self.chosen.another(flavor).map_err(|error| format!("{error:#}"))?;
            self.ticker.add(&engine);
            Ok(engine)
        });
        made.as_ref().map_err(|problem| match flavor {
            Flavor::Concurrent => LoadError::Concurrency(problem.clone()),
            Flavor::Sequential | Flavor::Resident => LoadError::Residence(problem.clone()),
        })
    }
}

/// Makes sure that bytes begin as a component does.
pub(crate) fn check_component(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::NotAComponent(
            "a core module; make a component of it, for instance with wasm-tools component new",
        )),
        _ => Err(LoadError::NotAComponent("something else")),
    }
}
