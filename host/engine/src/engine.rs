//! The engine: everything of one host that runs guests.

use std::sync::Arc;

use bytes::Bytes;
use lattice_core::Digest;
use lattice_core::token::VerifiedCode;

use crate::actor::{Actor, ActorOptions};
use crate::compile::{Compiler, LoadError, Loads, Source};
use crate::compiled::Compiled;
use crate::config::EngineConfig;
use crate::epoch::Ticker;
use crate::linked::{Grants, Linked};
use crate::profile::{self, FailedProfile, ProfileReport};
use crate::start_error::StartError;

/// Compiles components and starts actors. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Engine(Arc<Compiler>);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Not even the interpreter works.
    #[error("no way to run guests works on this machine: {}", failures(.0))]
    NoProfile(Vec<FailedProfile>),
    /// The clock's thread could not be started.
    #[error("the thread that interrupts guests cannot be started")]
    Ticker(#[source] std::io::Error),
}

impl Engine {
    /// Finds out how guests run best on this machine, and makes ready to.
    ///
    /// Address space is reserved; memory is used only once guests run.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when nothing works, the interpreter included.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let chosen = profile::choose(config.profile, config.compilation).map_err(EngineError::NoProfile)?;
        let report = &chosen.report;
        tracing::info!(profile = %report.profile, why = %report.why, compiled = %report.compilation, code = %report.target, "engine profile");
        for failed in &chosen.report.failed {
            tracing::warn!(profile = %failed.profile, problem = %failed.problem, "engine profile does not work here");
        }
        let ticker = Ticker::start().map_err(EngineError::Ticker)?;
        Ok(Self(Arc::new(Compiler::new(chosen, ticker, config))))
    }

    /// Says how guests run here, and why so.
    #[must_use]
    pub fn profile(&self) -> &ProfileReport {
        &self.0.chosen().report
    }

    /// Says where components came from so far.
    #[must_use]
    pub fn loads(&self) -> Loads {
        self.0.loads()
    }

    /// Returns the component with this digest, compiled: from memory while an actor uses it, from disk if it was compiled
    /// before, or by the compiler. A component is never compiled twice at a time.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the bytes are not the ones meant, not a component, or not one that runs here.
    ///
    /// # Cancel safety
    ///
    /// A compilation that has begun goes on, and its result is on disk for the next who asks.
    pub async fn load(&self, digest: Digest, bytes: &Bytes) -> Result<Arc<Compiled>, LoadError> {
        self.0.load(digest, Source::Component(bytes.clone())).await
    }

    /// Whether the component with this digest is at hand, in memory or on disk, so that nothing has to be compiled.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.0.has(digest)
    }

    /// Returns the component that `code` was made of. `bytes` are the code, which is then kept on disk; without them, it is taken from there.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the bytes are not the code that was signed, or it is not for this host; [`LoadError::NotKept`] when it
    /// has to be fetched.
    ///
    /// # Cancel safety
    ///
    /// What has begun goes on.
    pub async fn load_code(&self, code: VerifiedCode, bytes: Option<Bytes>) -> Result<Arc<Compiled>, LoadError> {
        let digest = code.claims().component;
        self.0.load(digest, Source::Signed(Arc::new(code), bytes)).await
    }

    /// Starts an actor: joins the component with what `grants` allows, and with nothing else. `linked` answers its calls.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] names every import that is not satisfied, and why.
    pub fn actor(
        &self,
        compiled: Arc<Compiled>,
        options: ActorOptions,
        grants: &dyn Grants,
        linked: Arc<dyn Linked>,
    ) -> Result<Actor, StartError> {
        Actor::start(compiled, options, grants, linked, self.0.ticker().handle())
    }
}

fn failures(failed: &[FailedProfile]) -> String {
    failed
        .iter()
        .map(|failed| format!("{}: {}", failed.profile, failed.problem))
        .collect::<Vec<_>>()
        .join("; ")
}
