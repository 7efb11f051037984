//! Components in the lattice's object store, by digest.

use bytes::Bytes;
use lattice_bus::{ObjectError, ObjectStore};
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
