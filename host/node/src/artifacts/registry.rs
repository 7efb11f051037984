//! The registry that a component came from: the last place to look, and only for what somebody pinned to a digest.

use std::time::Duration;

use bytes::Bytes;
use lattice_bus::{Bus, ObjectError};
use lattice_control::{ARTIFACT_BYTES_MAX, SIGNATURES_BYTES_MAX, artifact_name, signatures_name};
use lattice_core::Digest;
use lattice_core::token::ImageTokens;
use lattice_oci::{ImageRef, OciError, Registries};
use tracing::{debug, info};

use super::Artifacts;

/// The longest that a registry may take over one component. It may be silent for much less.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where a component came from.
pub(super) struct Origin<'a> {
    registries: &'a Registries,
    image: ImageRef,
    manifest: Digest,
}

impl Origin<'_> {
    /// Downloads the component, and what signatures there are of it.
    pub(super) async fn component(&self, digest: &Digest) -> Result<(Bytes, ImageTokens), OciError> {
        let fetch = async {
            let repository = self.registries.open(&self.image).await?;
            let bytes = repository.component_by_digest(digest, ARTIFACT_BYTES_MAX).await?;
            info!(image = %self.image, bytes = bytes.len(), "component fetched from its registry");
            // Without them it is as good, where nobody wants to see them.
            let tokens = self.tokens(digest).await.unwrap_or_else(|error| {
                debug!(image = %self.image, %error, "no signatures from the registry");
                ImageTokens::none(*digest)
            });
            Ok((bytes, tokens))
        };
        self.in_time(fetch).await
    }

    /// Reads the signatures of the component.
    pub(super) async fn signatures(&self, digest: &Digest) -> Result<ImageTokens, OciError> {
        self.in_time(self.tokens(digest)).await
    }

    async fn tokens(&self, digest: &Digest) -> Result<ImageTokens, OciError> {
        let repository = self.registries.open(&self.image).await?;
        let found = repository.signatures(&self.manifest).await?;
        let mut tokens = ImageTokens::none(*digest);
        tokens.add(found.iter().map(String::as_str));
        Ok(tokens)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, OciError>>) -> Result<T, OciError> {
        tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
            Err(OciError::Unreachable {
                registry: self.image.registry().to_owned(),
                why: format!("it took longer than {} minutes", PATIENCE.as_secs() / 60),
            })
        })
    }
}

impl Artifacts {
    /// The registry behind an image, if it is pinned and this host may ask registries.
    pub(super) fn origin(&self, image: &str) -> Option<Origin<'_>> {
        let image: ImageRef = image.parse().ok()?;
        Some(Origin {
            registries: self.registries.as_ref()?,
            manifest: *image.digest()?,
            image,
        })
    }

    /// Puts what came from a registry into the lattice's artifact store, so that other hosts need none. The start does not wait for it.
    pub(super) fn share(&self, digest: &Digest, (bytes, tokens): &(Bytes, ImageTokens)) {
        let (bus, bucket, digest) = (self.bus.clone(), self.bucket.clone(), *digest);
        let (bytes, tokens) = (bytes.clone(), tokens.clone());
        let stopping = self.tasks.stopping();
        self.tasks.spawn("share a component", async move {
            let put = put(&bus, &bucket, &digest, bytes, &tokens);
            if let Some(Err(error)) = stopping.run_until_cancelled(put).await {
                debug!(%digest, %error, "the component is not in the artifact store; others have to ask its registry too");
            }
        });
    }

    /// Puts signatures beside a component in the lattice's artifact store.
    pub(super) fn share_tokens(&self, digest: &Digest, tokens: ImageTokens) {
        let (bus, bucket, digest) = (self.bus.clone(), self.bucket.clone(), *digest);
        let stopping = self.tasks.stopping();
        self.tasks.spawn("share the signatures of a component", async move {
            let put = put_tokens(&bus, &bucket, &digest, &tokens);
            if let Some(Err(error)) = stopping.run_until_cancelled(put).await {
                debug!(%digest, %error, "the signatures are not in the artifact store; others have to ask the registry too");
            }
        });
    }
}

async fn put(bus: &Bus, bucket: &str, digest: &Digest, bytes: Bytes, tokens: &ImageTokens) -> Result<(), ObjectError> {
    let (store, name) = (bus.objects(bucket).await?, artifact_name(digest));
    let known = store.info(&name).await?;
    // What is there under this name may be damaged, or somebody else's doing.
    let same =
        known.is_some_and(|info| info.bytes == bytes.len() as u64 && info.sha256.as_deref() == Some(digest.as_bytes()));
    if !same {
        store.put(&name, bytes).await?;
    }
    put_tokens(bus, bucket, digest, tokens).await
}

async fn put_tokens(bus: &Bus, bucket: &str, digest: &Digest, tokens: &ImageTokens) -> Result<(), ObjectError> {
    let (store, name) = (bus.objects(bucket).await?, signatures_name(digest));
    let mut known = match store.get(&name, SIGNATURES_BYTES_MAX).await {
        Ok(bytes) => ImageTokens::read(*digest, &bytes),
        Err(ObjectError::NotFound(_)) => ImageTokens::none(*digest),
        Err(error) => return Err(error),
    };
    match known.add(tokens.iter()) {
        true => store.put(&name, known.encode().into()).await,
        false => Ok(()),
    }
}
