//! Signatures of images: tokens stored as referrers. Nothing is verified here; whom to believe is for the lattice to say.

use lattice_core::Digest;
use lattice_core::token::TOKEN_BYTES_MAX;
use tracing::debug;

use crate::error::{OciError, OciErrorKind};
use crate::manifest::{Document, SIGNATURE_MEDIA_TYPE};
use crate::registry::Repository;

/// The most signatures of one image that are looked at: more are somebody's attempt to keep us busy.
const SIGNATURES_MAX: usize = 16;

impl Repository {
    /// Reads the signatures of the image with this manifest. One that cannot be read is passed over.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn signatures(&self, manifest: &Digest) -> Result<Vec<String>, OciError> {
        self.log_in(oci_client::RegistryOperation::Pull).await?;
        let mut tokens = Vec::new();
        for digest in self.referrers(manifest).await? {
            match self.signature(&digest).await {
                Ok(token) => tokens.push(token),
                Err(error) if error.kind() == OciErrorKind::Unreachable => return Err(error),
                Err(error) => debug!(%digest, %error, "a signature that cannot be read"),
            }
        }
        Ok(tokens)
    }

    /// The manifests of the signatures of an image. The library asks the referrers API, and where there is none the tag that stands in
    /// for it.
    pub(crate) async fn referrers(&self, manifest: &Digest) -> Result<Vec<Digest>, OciError> {
        // Not filtered by the registry: the `+` of our type does not survive the way there.
        let listed = self.client.pull_referrers(&self.image.at_digest(manifest), None).await;
        let index = match listed.map_err(|error| self.failed(&error)) {
            Ok(index) => index,
            Err(error) if error.kind() == OciErrorKind::Unreachable => return Err(error),
            // No right to look, or nothing that makes sense: no signatures.
            Err(error) => {
                debug!(%error, "no referrers");
                return Ok(Vec::new());
            }
        };
        let ours = index
            .manifests
            .iter()
            .filter(|entry| entry.artifact_type.as_deref() == Some(SIGNATURE_MEDIA_TYPE));
        Ok(ours
            .filter_map(|entry| entry.digest.parse().ok())
            .take(SIGNATURES_MAX)
            .collect())
    }

    async fn signature(&self, digest: &Digest) -> Result<String, OciError> {
        let malformed = |why: &str| OciError::Malformed {
            image: self.image.to_string(),
            why: why.to_owned(),
        };
        let bytes = self.manifest(&self.image.at_digest(digest)).await?;
        let Ok(Document::Image(manifest)) = Document::parse(&bytes) else {
            return Err(malformed("a signature is no artifact"));
        };
        let layer = manifest
            .layers
            .iter()
            .find(|layer| layer.media_type == SIGNATURE_MEDIA_TYPE);
        let layer = layer.ok_or_else(|| malformed("a signature has no token"))?;
        let token = self.blob("a signature", layer, TOKEN_BYTES_MAX as u64, &|_| ()).await?;
        String::from_utf8(token.into()).map_err(|_| malformed("a signature is no text"))
    }
}
