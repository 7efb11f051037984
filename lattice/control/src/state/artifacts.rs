//! Components in the lattice's object store, by digest.

use bytes::Bytes;
use lattice_bus::{ObjectError, ObjectStore};
use lattice_core::aot::CodeTarget;
use lattice_core::token::{AotClaims, IMAGE_TOKENS_MAX, ImageTokens, TOKEN_BYTES_MAX};
use lattice_core::{Digest, subject};

use super::unreachable;
use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
};

/// The largest component that is stored or read.
pub const ARTIFACT_BYTES_MAX: u64 = 256 << 20;

/// The name under which a component is stored.
pub fn artifact_name(digest: &Digest) -> String {
    digest.hex()
}

/// The largest code that is stored or read: machine code is several times as large as what it was made of.
pub const CODE_BYTES_MAX: u64 = 2 * ARTIFACT_BYTES_MAX;

/// The name under which code of a component is stored that was compiled elsewhere.
pub fn code_name(component: &Digest, target: CodeTarget, engine: &str) -> String {
    format!("aot/{}/{target}/{engine}", component.hex())
}

/// The name under which the signatures of a component are stored, beside it.
pub fn signatures_name(component: &Digest) -> String {
    format!("{}.jwt", component.hex())
}

/// The most that the signatures of a component take.
pub const SIGNATURES_BYTES_MAX: u64 = (IMAGE_TOKENS_MAX * (TOKEN_BYTES_MAX + 1)) as u64;

/// Whether a component had to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upload {
    /// It was there.
    Known,
    /// It is there now.
    Stored,
}

impl ControlClient {
    /// Makes sure that the lattice has a component.
    ///
    /// # Errors
    /// When the store cannot be reached, or the component is too large.
    pub async fn store_artifact(&self, component: Bytes) -> Result<(Digest, Upload), ControlError> {
        let size = component.len() as u64;
        if size > ARTIFACT_BYTES_MAX {
            let most = ARTIFACT_BYTES_MAX >> 20;
            return Err(ControlError::invalid(format!(
                "the component has {} MiB, {most} MiB is the most",
                size >> 20
            )));
        }
        let digest = Digest::of(&component);
        let name = artifact_name(&digest);
        let store = self.artifacts().await?;
        // What is there under this name may be damaged, or somebody else's doing: the stated hash says.
        let info = store.info(&name).await.map_err(|error| not_stored(&error))?;
        let same = info.is_some_and(|info| info.bytes == size && info.sha256.as_deref() == Some(digest.as_bytes()));
        if same {
            return Ok((digest, Upload::Known));
        }
        store.put(&name, component).await.map_err(|error| not_stored(&error))?;
        Ok((digest, Upload::Stored))
    }

    /// Stores code of a component, which replaces what there is for the same machine. Hosts believe its signature, not the store.
    ///
    /// # Errors
    /// When the store cannot be reached, or the code is too large.
    pub async fn store_code(&self, claims: &AotClaims, artifact: Bytes) -> Result<(), ControlError> {
        let size = artifact.len() as u64;
        if size > CODE_BYTES_MAX {
            let most = CODE_BYTES_MAX >> 20;
            return Err(ControlError::invalid(format!(
                "the code has {} MiB, {most} MiB is the most",
                size >> 20
            )));
        }
        let name = code_name(&claims.component, claims.target, &claims.engine);
        let store = self.artifacts().await?;
        store.put(&name, artifact).await.map_err(|error| not_stored(&error))
    }

    /// Reads a component, and makes sure that it is the one.
    ///
    /// # Errors
    /// `NotFound` when the lattice does not have it, `Denied` when it is another.
    pub async fn artifact(&self, digest: &Digest) -> Result<Bytes, ControlError> {
        let store = self.artifacts().await?;
        let component = store
            .get(&artifact_name(digest), ARTIFACT_BYTES_MAX)
            .await
            .map_err(|error| not_read(&error))?;
        if Digest::of(&component) != *digest {
            return Err(ControlError::denied(format!(
                "the artifact store has another component as {}",
                digest.short()
            )));
        }
        Ok(component)
    }

    /// Reads the signatures of a component. Nothing in them is verified.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn image_tokens(&self, component: &Digest) -> Result<ImageTokens, ControlError> {
        let store = self.artifacts().await?;
        match store.get(&signatures_name(component), SIGNATURES_BYTES_MAX).await {
            Ok(bytes) => Ok(ImageTokens::read(*component, &bytes)),
            // Larger than they can be, they are somebody else's doing.
            Err(ObjectError::NotFound { .. } | ObjectError::TooLarge { .. }) => Ok(ImageTokens::none(*component)),
            Err(error) => Err(not_read(&error)),
        }
    }

    /// Puts signatures of a component beside it, with those that are there. Of two that do so at a time the last one wins; signing again
    /// mends that.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn store_image_tokens(&self, component: &Digest, tokens: &[String]) -> Result<(), ControlError> {
        let mut known = self.image_tokens(component).await?;
        if !known.add(tokens.iter().map(String::as_str)) {
            return Ok(());
        }
        let store = self.artifacts().await?;
        let put = store.put(&signatures_name(component), known.encode().into()).await;
        put.map_err(|error| not_stored(&error))
    }

    async fn artifacts(&self) -> Result<ObjectStore, ControlError> {
        let name = subject::buckets(self.lattice()).artifacts;
        self.bus().objects(&name).await.map_err(|error| unreachable(&error))
    }
}

fn not_stored(error: &ObjectError) -> ControlError {
    ControlError::new(ErrorKind::Unreachable, format!("the component was not stored: {error}"))
        .with_help("`lattice doctor` looks at NATS and JetStream")
}

fn not_read(error: &ObjectError) -> ControlError {
    match error {
        ObjectError::NotFound { .. } => ControlError::not_found("the lattice does not have this component")
            .with_help("start it again from its file, which stores it"),
        other => ControlError::new(ErrorKind::Unreachable, format!("the component cannot be read: {other}")),
    }
}
