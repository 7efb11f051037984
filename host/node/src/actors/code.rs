//! Components that were compiled elsewhere.

use std::sync::Arc;
use std::time::SystemTime;

use lattice_control::{ControlError, ProgressSink};
use lattice_core::{Digest, UnixSeconds};
use lattice_engine::{Compilation, Compiled, LoadError, Profile};
use tracing::{info, warn};

use super::refusal;
use crate::artifacts::CodeError;
use crate::chain::chain;
use crate::shared::Shared;

/// Why code that was compiled elsewhere does not run here.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodeProblem {
    /// There is none that may be run.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The engine does not take it.
    #[error("its code cannot be run here")]
    Load(#[from] LoadError),
}

impl Shared {
    /// Loads signed code of a component, where that is the only way or the quicker one. `None` where it shall be compiled here.
    pub(super) async fn load_code(
        &self,
        digest: &Digest,
        progress: &ProgressSink,
    ) -> Result<Option<(Arc<Compiled>, bool)>, ControlError> {
        let report = self.engine.profile();
        if report.compilation == Compilation::Here {
            // A large machine compiles in no time, and for its own processor.
            let quicker = report.profile != Profile::Server && !self.engine.has(digest);
            if !quicker || !self.bus.is_connected() {
                return Ok(None);
            }
        }
        match self.try_code(digest, progress).await {
            Ok(loaded) => Ok(Some(loaded)),
            Err(problem) if report.compilation == Compilation::Elsewhere => {
                Err(refusal::from_code(digest, report.target, &problem))
            }
            Err(CodeProblem::Code(CodeError::NotFound(_))) => Ok(None),
            Err(problem) => {
                warn!(component = %digest, problem = chain(&problem), "compiling it here instead");
                Ok(None)
            }
        }
    }

    /// What was kept from the last time, else what the lattice has.
    async fn try_code(&self, digest: &Digest, progress: &ProgressSink) -> Result<(Arc<Compiled>, bool), CodeProblem> {
        let target = self.engine.profile().target;
        let (trust, now) = (self.member.trust().current(), UnixSeconds::from(SystemTime::now()));
        if let Some(kept) = self.artifacts.kept_code(digest, target, &trust, now).await {
            match self.engine.load_code(kept.verified, None).await {
                Ok(compiled) => return Ok((compiled, true)),
                Err(LoadError::NotKept) => {}
                Err(error) => warn!(component = %digest, %error, "code that was kept is fetched again"),
            }
        }
        progress.step(format!("fetching code of component {} for {target}", digest.short()));
        let found = self.artifacts.fetch_code(digest, target, &trust, now).await?;
        let compiled = self
            .engine
            .load_code(found.verified.clone(), found.bytes.clone())
            .await?;
        self.artifacts.keep_code(digest, target, &found).await;
        info!(component = %digest, %target, issuer = %found.verified.issuer(), "signed code loaded");
        Ok((compiled, false))
    }
}
