//! Reading from a registry.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use lattice_core::Digest;
use oci_client::errors::DigestError;
use oci_client::{Reference, RegistryOperation};

use crate::error::OciError;
use crate::manifest::{CONFIG_MEDIA_TYPE, Descriptor, Document, Image, MANIFEST_TYPES, WasmConfig};
use crate::registry::Repository;
use crate::wasm::check_component;

/// The largest config that is read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

impl Repository {
    /// Looks up what the image is now: the one moment in which a tag counts.
    ///
    /// # Errors
    /// When it is not there, may not be seen, or has nothing that could be a component.
    pub async fn resolve(&self) -> Result<Image, OciError> {
        self.log_in(RegistryOperation::Pull).await?;
        let bytes = self.manifest(&self.image.reference()).await?;
        let malformed = |why: String| OciError::Malformed {
            image: self.image.to_string(),
            why,
        };
        let bytes = match Document::parse(&bytes).map_err(malformed)? {
            Document::Image(_) => bytes,
            Document::Index(index) => {
                let chosen = index.choose().map_err(malformed)?;
                self.manifest(&self.image.at_digest(&chosen.digest)).await?
            }
        };
        Image::read(&self.image, bytes)
    }

    /// Downloads an image's component, if it has at most `bytes_max` bytes; `progress` is told of the bytes as they come.
    ///
    /// # Errors
    /// When it is too large, not what the manifest names, or no component.
    pub async fn component(
        &self,
        image: &Image,
        bytes_max: u64,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Bytes, OciError> {
        let bytes = self
            .blob("the component", &image.component, bytes_max, progress)
            .await?;
        check_component(&bytes).map_err(|flaw| OciError::flawed(&self.image, flaw))?;
        Ok(bytes)
    }

    /// Downloads a component of which only the digest is known, as a host does that was told to run it.
    ///
    /// # Errors
    /// As for [`Repository::component`].
    pub async fn component_by_digest(&self, digest: &Digest, bytes_max: u64) -> Result<Bytes, OciError> {
        self.log_in(RegistryOperation::Pull).await?;
        let bytes = self.stream("the component", digest, bytes_max, &|_| ()).await?;
        check_component(&bytes).map_err(|flaw| OciError::flawed(&self.image, flaw))?;
        Ok(bytes)
    }

    /// Reads an image's config, if it is one of the CNCF's layout.
    ///
    /// # Errors
    /// When the registry fails. A config that makes no sense is none.
    pub async fn config(&self, image: &Image) -> Result<Option<WasmConfig>, OciError> {
        if image.config.media_type != CONFIG_MEDIA_TYPE {
            return Ok(None);
        }
        let bytes = self
            .blob("the config", &image.config, CONFIG_BYTES_MAX, &|_| ())
            .await?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Downloads what an image names beside its component: its config, and layers that are for others.
    ///
    /// # Errors
    /// As for [`Repository::component`].
    pub async fn rest(&self, image: &Image, bytes_max: u64) -> Result<Vec<Bytes>, OciError> {
        let mut blobs = Vec::new();
        for described in image.others.iter().chain([&image.config]) {
            blobs.push(self.blob("a part", described, bytes_max, &|_| ()).await?);
        }
        Ok(blobs)
    }

    /// Finds out who we are to this registry; what follows goes on with it.
    pub(crate) async fn log_in(&self, operation: RegistryOperation) -> Result<(), OciError> {
        let known = self.client.auth(&self.image.reference(), &self.auth, operation).await;
        known.map(drop).map_err(|error| self.failed(&error))
    }

    /// Reads a manifest, and makes sure that it is the one if it is named by its digest.
    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<Bytes, OciError> {
        let pulled = self
            .client
            .pull_manifest_raw(reference, &self.auth, &MANIFEST_TYPES)
            .await;
        let (bytes, _) = match pulled {
            Ok(pulled) => pulled,
            Err(error) => return Err(self.failed(&error)),
        };
        let wanted: Option<Digest> = reference.digest().and_then(|digest| digest.parse().ok());
        match wanted {
            Some(asked) if asked != Digest::of(&bytes) => Err(OciError::WrongDigest {
                image: self.image.to_string(),
                asked,
            }),
            _ => Ok(bytes),
        }
    }

    /// Downloads what a descriptor names, once its stated size is found bearable.
    pub(crate) async fn blob(
        &self,
        what: &'static str,
        described: &Descriptor,
        bytes_max: u64,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Bytes, OciError> {
        if described.size > bytes_max {
            return Err(self.too_large(what, described.size, bytes_max));
        }
        let bytes = self.stream(what, &described.digest, described.size, progress).await?;
        if bytes.len() as u64 == described.size {
            Ok(bytes)
        } else {
            Err(self.wrong(&described.digest))
        }
    }

    /// Downloads a blob of at most `bytes_max` bytes, whatever the registry says of its size.
    async fn stream(
        &self,
        what: &'static str,
        digest: &Digest,
        bytes_max: u64,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Bytes, OciError> {
        let named = digest.to_string();
        let opened = self
            .client
            .pull_blob_stream(&self.image.reference(), named.as_str())
            .await;
        let mut body = opened.map_err(|error| self.failed(&error))?;
        if let Some(bytes) = body.content_length.filter(|bytes| *bytes > bytes_max) {
            return Err(self.too_large(what, bytes, bytes_max));
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body
            .stream
            .try_next()
            .await
            .map_err(|error| self.broke_off(digest, error))?
        {
            let have = (bytes.len() + chunk.len()) as u64;
            if have > bytes_max {
                return Err(self.too_large(what, have, bytes_max));
            }
            bytes.extend_from_slice(&chunk);
            progress(have);
        }
        if Digest::of(&bytes) == *digest {
            Ok(bytes.freeze())
        } else {
            Err(self.wrong(digest))
        }
    }

    /// The library checks digests too, and tells a wrong one as a failure to read.
    fn broke_off(&self, digest: &Digest, error: std::io::Error) -> OciError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<DigestError>());
        if cause.is_some() {
            self.wrong(digest)
        } else {
            self.failed(&error.into())
        }
    }

    fn too_large(&self, what: &'static str, bytes: u64, max: u64) -> OciError {
        OciError::TooLarge {
            what,
            image: self.image.to_string(),
            bytes,
            max,
        }
    }

    fn wrong(&self, asked: &Digest) -> OciError {
        OciError::WrongDigest {
            image: self.image.to_string(),
            asked: *asked,
        }
    }
}
