//! Code that was compiled elsewhere: what is signed of it is kept on this host's disk, so that a host that is cut off starts
//! what it has run before; the code itself the engine keeps.

use std::fs;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use lattice_bus::ObjectError;
use lattice_control::{CODE_BYTES_MAX, code_name};
use lattice_core::aot::{Artifact, ArtifactError, CodeTarget, Statement};
use lattice_core::token::{Unverified, VerifiedCode, verify_code};
use lattice_core::trust::Freshness;
use lattice_core::{Digest, Refusal, Trust, UnixSeconds};
use lattice_engine::ENGINE;
use tracing::warn;

use super::{Artifacts, FetchError, blocking};

/// Why there is no code that may be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    /// Nobody stored any.
    #[error("nobody has compiled it for {0}")]
    NotFound(CodeTarget),
    /// What is stored is no artifact.
    #[error("what is stored as its code for {target} cannot be read")]
    Unreadable {
        /// For which machine.
        target: CodeTarget,
        /// What is wrong with it.
        #[source]
        source: ArtifactError,
    },
    /// Nobody vouches for it.
    #[error("its code for {0} is not signed")]
    Unsigned(CodeTarget),
    /// Whoever vouches for it is not believed.
    #[error("its code for {target} is not believed")]
    Refused {
        /// For which machine.
        target: CodeTarget,
        /// Why not.
        #[source]
        source: Refusal,
    },
    /// It cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Code that an issuer vouches for.
pub(crate) struct FoundCode {
    pub(crate) verified: VerifiedCode,
    /// Its bytes, unless they should be on disk.
    pub(crate) bytes: Option<Bytes>,
    token: Unverified,
}

impl Artifacts {
    /// What was kept of this component's code. Believed as long as its issuer is: also by a host that has not heard of the
    /// lattice for so long that its trust bundle has run out.
    pub(crate) async fn kept_code(
        &self,
        component: &Digest,
        target: CodeTarget,
        trust: &Trust,
        now: UnixSeconds,
    ) -> Option<FoundCode> {
        let path = self.statement(component, target);
        let text = blocking(move || fs::read(path)).await.ok()?;
        let token = Unverified::parse_bytes(&text).ok()?;
        match verify_code(&token, component, trust, now, Freshness::MayBeStale) {
            Ok(verified) => Some(FoundCode {
                verified,
                bytes: None,
                token,
            }),
            Err(refusal) => {
                warn!(%component, %refusal, "code that was kept is not believed any more");
                None
            }
        }
    }

    /// Fetches this component's code from the lattice's artifact store.
    pub(crate) async fn fetch_code(
        &self,
        component: &Digest,
        target: CodeTarget,
        trust: &Trust,
        now: UnixSeconds,
    ) -> Result<FoundCode, CodeError> {
        let store = self.bus.objects(&self.bucket).await;
        let store = store.map_err(|error| FetchError::Store(error.to_string()))?;
        let name = code_name(component, target, ENGINE);
        let artifact = store.get(&name, CODE_BYTES_MAX).await.map_err(|error| match error {
            ObjectError::NotFound(_) => CodeError::NotFound(target),
            ObjectError::TooLarge { bytes, .. } => FetchError::TooLarge {
                digest: *component,
                bytes,
            }
            .into(),
            other => FetchError::Store(other.to_string()).into(),
        })?;
        let parsed = Artifact::parse(&artifact).map_err(|source| CodeError::Unreadable { target, source })?;
        let Statement::Signed(token) = parsed.statement else {
            return Err(CodeError::Unsigned(target));
        };
        let verified = verify_code(&token, component, trust, now, Freshness::Required)
            .map_err(|source| CodeError::Refused { target, source })?;
        let bytes = Some(artifact.slice_ref(parsed.code));
        Ok(FoundCode { verified, bytes, token })
    }

    /// Keeps what is signed of code that runs, for the next start.
    pub(crate) async fn keep_code(&self, component: &Digest, target: CodeTarget, found: &FoundCode) {
        let (path, token) = (self.statement(component, target), found.token.token().clone());
        let written = blocking(move || write(&path, token.as_bytes())).await;
        if let Err(error) = written {
            warn!(%component, %error, "this code will be fetched again at the next start");
        }
    }

    fn statement(&self, component: &Digest, target: CodeTarget) -> PathBuf {
        self.statements
            .join(format!("{}.{target}.{ENGINE}.jwt", component.hex()))
    }
}

/// Writes a file so that a crash leaves the old one or the new one.
fn write(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("new");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
