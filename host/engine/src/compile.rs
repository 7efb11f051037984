//! Components from bytes to machine code, once per digest.

mod cache;
mod fingerprint;
mod tally;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use lattice_core::Digest;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::component::Component;

use self::cache::DiskCache;
pub use self::tally::Loads;
use self::tally::Tally;
use crate::compiled::Compiled;
use crate::config::EngineConfig;
use crate::epoch::Ticker;
use crate::profile::{Chosen, Flavor};

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

/// What a stateful component exports, in every version.
const STATEFUL: &[u8] = b"lattice:actor/lifecycle@";

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
    pub(crate) async fn load(self: &Arc<Self>, digest: Digest, bytes: &Bytes) -> Result<Arc<Compiled>, LoadError> {
        loop {
            let loading = self.loaded.lock().entry(digest).or_default().clone();
            let mut fresh = None;
            let known = loading
                .0
                .get_or_try_init(|| async {
                    let compiled = Arc::new(self.produce(digest, bytes.clone()).await?);
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

    async fn produce(self: &Arc<Self>, digest: Digest, bytes: Bytes) -> Result<Compiled, LoadError> {
        let permit = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|_| LoadError::Crashed)?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            this.produce_blocking(digest, &bytes)
        })
        .await
        .map_err(|_| LoadError::Crashed)?
    }

    fn produce_blocking(&self, digest: Digest, bytes: &[u8]) -> Result<Compiled, LoadError> {
        self.check(digest, bytes)?;
        let usual = self.usual_flavor(bytes);
        for flavor in [usual, Flavor::Concurrent] {
            // The second engine is not made only to look for something that was never compiled.
            if flavor == Flavor::Concurrent && self.concurrent.get().is_none() && !self.cache.mentions(&digest) {
                continue;
            }
            let engine = self.engine(flavor)?;
            if let Some(component) = self.cache.get(engine, &digest) {
                self.tally.was_on_disk();
                return Ok(Compiled::new(digest, component, flavor));
            }
        }
        let (component, flavor) = self.compile(digest, bytes, usual)?;
        let compiled = Compiled::new(digest, self.kept(&digest, component), flavor);
        memory::give_back();
        Ok(compiled)
    }

    /// Writes machine code to disk and takes it from there again: what is mapped from a file is in memory only as far as it
    /// is used, what the compiler made is there in full.
    fn kept(&self, digest: &Digest, component: Component) -> Component {
        self.cache.put(digest, &component);
        self.cache.get(component.engine(), digest).unwrap_or(component)
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
        match bytes.get(..8) {
            Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
            Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::NotAComponent(
                "a core module; make a component of it, for instance with wasm-tools component new",
            )),
            _ => Err(LoadError::NotAComponent("something else")),
        }
    }

    /// Tries without asynchrony first: validation refuses what needs it long before code is generated.
    fn compile(&self, digest: Digest, bytes: &[u8], usual: Flavor) -> Result<(Component, Flavor), LoadError> {
        let started = std::time::Instant::now();
        let sequential = match Component::from_binary(self.engine(usual)?, bytes) {
            Ok(component) => Ok((component, usual)),
            Err(error) => Err(error),
        };
        let compiled = sequential.or_else(|_| {
            let component = Component::from_binary(self.engine(Flavor::Concurrent)?, bytes);
            component
                .map(|component| (component, Flavor::Concurrent))
                .map_err(|error| LoadError::Compile(format!("{error:#}")))
        });
        let elapsed = started.elapsed();
        self.tally.was_compiled(elapsed);
        tracing::debug!(%digest, ?elapsed, ok = compiled.is_ok(), "compiled a component");
        compiled
    }

    /// What a component runs in unless it needs asynchrony. One that is stateful says so by what it exports, by a name that stands in its
    /// bytes as it is; should it stand there for another reason, the component runs all the same.
    fn usual_flavor(&self, bytes: &[u8]) -> Flavor {
        let stateful = || bytes.windows(STATEFUL.len()).any(|window| window == STATEFUL);
        match self.chosen.has_pool() && stateful() {
            true => Flavor::Resident,
            false => Flavor::Sequential,
        }
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

mod memory {
    /// Hands the compiler's memory back to the system. Its threads would otherwise keep tens of megabytes for the next one.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the allocator has no safe interface")]
    pub(super) fn give_back() {
        // SAFETY: malloc_trim takes a number and may be called at any time from any thread.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub(super) fn give_back() {}
}
