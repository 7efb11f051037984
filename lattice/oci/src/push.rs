//! Writing to a registry.

use bytes::Bytes;
use futures::stream;
use lattice_core::Digest;
use oci_client::RegistryOperation;
use oci_client::errors::OciDistributionError;

use crate::error::OciError;
use crate::manifest::{
    Descriptor, Document, EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, ImageManifest, Index, SIGNATURE_MEDIA_TYPE,
};
use crate::packed::{Packed, to_json};
use crate::reference::ImageRef;
use crate::registry::Repository;

/// As much as is sent at a time; every registry takes that.
const CHUNK: usize = 4 << 20;

/// An image that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The image, pinned to its manifest.
    pub reference: ImageRef,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its component.
    pub component: Digest,
}

impl Repository {
    /// Pushes a component; `progress` is told how many of its bytes are there.
    ///
    /// # Errors
    /// When the registry cannot be reached or does not take it.
    pub async fn push(&self, packed: &Packed, progress: &(dyn Fn(u64) + Sync)) -> Result<Pushed, OciError> {
        self.log_in(RegistryOperation::Push).await?;
        self.put_blob(&packed.component, progress).await?;
        self.put_blob(&packed.config, &|_| ()).await?;
        // Last, so that there is never an image with something missing.
        self.put_manifest(&self.image.reference(), &packed.manifest, IMAGE_MANIFEST)
            .await?;
        Ok(Pushed {
            reference: self.image.pinned(packed.manifest_digest()),
            manifest: packed.manifest_digest(),
            component: packed.component_digest(),
        })
    }

    /// Stores a token as a signature of the image with this manifest.
    ///
    /// # Errors
    /// When the registry cannot be reached or does not take it.
    pub async fn push_signature(&self, subject: &Descriptor, token: &str) -> Result<(), OciError> {
        self.log_in(RegistryOperation::Push).await?;
        let (token, empty) = (Bytes::copy_from_slice(token.as_bytes()), Bytes::from_static(b"{}"));
        let manifest = to_json(&ImageManifest {
            schema_version: 2,
            media_type: Some(IMAGE_MANIFEST.to_owned()),
            artifact_type: Some(SIGNATURE_MEDIA_TYPE.to_owned()),
            config: Descriptor::of(EMPTY, &empty),
            layers: vec![Descriptor::of(SIGNATURE_MEDIA_TYPE, &token)],
            subject: Some(Descriptor {
                annotations: None,
                platform: None,
                artifact_type: None,
                ..subject.clone()
            }),
        });
        self.put_blob(&empty, &|_| ()).await?;
        self.put_blob(&token, &|_| ()).await?;
        let described = Descriptor {
            artifact_type: Some(SIGNATURE_MEDIA_TYPE.to_owned()),
            ..Descriptor::of(IMAGE_MANIFEST, &manifest)
        };
        let reference = self.image.at_digest(&described.digest);
        self.put_manifest(&reference, &manifest, IMAGE_MANIFEST).await?;
        // A registry with the referrers API lists it by itself; for the others there is a tag.
        if self.referrers(&subject.digest).await?.contains(&described.digest) {
            return Ok(());
        }
        self.list_by_tag(&subject.digest, described).await
    }

    /// Adds a referrer to the tag that stands in for the referrers API. Two that do so at a time: the last one wins, as the specification
    /// has it.
    async fn list_by_tag(&self, subject: &Digest, referrer: Descriptor) -> Result<(), OciError> {
        let tag = self.image.at_tag(&subject.to_string().replace(':', "-"));
        let mut index = match self.manifest(&tag).await {
            Ok(bytes) => match Document::parse(&bytes) {
                Ok(Document::Index(index)) => index,
                // Somebody else's idea of what belongs there would be lost.
                _ => {
                    return Err(OciError::Malformed {
                        image: tag.to_string(),
                        why: "it stands where the list of signatures belongs".to_owned(),
                    });
                }
            },
            Err(OciError::NotFound { .. }) => Index {
                schema_version: 2,
                media_type: Some(IMAGE_INDEX.to_owned()),
                manifests: Vec::new(),
            },
            Err(error) => return Err(error),
        };
        index.manifests.push(referrer);
        self.put_manifest(&tag, &to_json(&index), IMAGE_INDEX).await
    }

    async fn put_manifest(
        &self,
        reference: &oci_client::Reference,
        bytes: &Bytes,
        kind: &'static str,
    ) -> Result<(), OciError> {
        let kind = reqwest::header::HeaderValue::from_static(kind);
        let pushed = self.client.push_manifest_raw(reference, bytes.clone(), kind).await;
        pushed.map(drop).map_err(|error| self.failed(&error))
    }

    /// Sends a blob, unless the registry has it.
    async fn put_blob(&self, bytes: &Bytes, progress: &(dyn Fn(u64) + Sync)) -> Result<(), OciError> {
        let (digest, reference) = (Digest::of(bytes).to_string(), self.image.reference());
        // A registry that does not say is sent it again.
        if self.client.blob_exists(&reference, &digest).await.unwrap_or(false) {
            progress(bytes.len() as u64);
            return Ok(());
        }
        let chunks = stream::iter((0..bytes.len()).step_by(CHUNK).map(|from| {
            progress(from as u64);
            Ok(bytes.slice(from..bytes.len().min(from + CHUNK)))
        }));
        let sent = match self.client.push_blob_stream(&reference, chunks, &digest).await {
            // Some registries take blobs only in one piece.
            Err(OciDistributionError::SpecViolationError(_)) => {
                self.client.push_blob(&reference, bytes.clone(), &digest).await
            }
            sent => sent,
        };
        sent.map_err(|error| self.failed(&error))?;
        progress(bytes.len() as u64);
        Ok(())
    }
}
