//! A component that is here, with what goes along with it.

use anyhow::Result;
use bytes::Bytes;
use lattice_control::Upload;
use lattice_core::Digest;

use crate::session::Session;

/// A component, where it came from, and what was found beside it.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// Where it came from, as it is shown and stored: of an image the reference, pinned to its manifest.
    pub(crate) image: String,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Its manifest, if it came from a registry or a bundle.
    pub(crate) manifest: Option<Bytes>,
    /// Signatures that were found beside it, and ours. Nothing in them is verified.
    pub(crate) tokens: Vec<String>,
}

impl Fetched {
    /// A component that came from a file.
    pub(crate) fn of_file(image: String, bytes: Bytes) -> Self {
        Self {
            image,
            digest: Digest::of(&bytes),
            bytes,
            manifest: None,
            tokens: Vec::new(),
        }
    }

    /// Sees to it that the lattice has all of it, so that hosts need no registry. Says whether the component had to be sent.
    pub(crate) async fn store(&self, session: &Session) -> Result<Upload> {
        let (_, upload) = session.client.store_artifact(self.bytes.clone()).await?;
        // With its manifest the lattice knows the image by its digest, wherever the registry is.
        if let Some(manifest) = &self.manifest {
            session.client.store_artifact(manifest.clone()).await?;
        }
        session.client.store_image_tokens(&self.digest, &self.tokens).await?;
        Ok(upload)
    }
}
