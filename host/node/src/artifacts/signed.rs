//! Whether a component is signed by somebody who may: asked before it is fetched, where the lattice's policy demands it.

use lattice_bus::ObjectError;
use lattice_control::{SIGNATURES_BYTES_MAX, signatures_name};
use lattice_core::token::{ImageRefusal, ImageTokens, VerifiedImage};
use lattice_core::trust::Freshness;
use lattice_core::{Digest, Trust, UnixSeconds};
use tracing::debug;

use super::{Artifacts, FetchError, blocking};

/// A component that may not run.
#[derive(Debug, thiserror::Error)]
#[error("component {digest} may not run here: {refusal}")]
pub(crate) struct NotSigned {
    pub(crate) digest: Digest,
    pub(crate) refusal: ImageRefusal,
    /// Who could not be asked whether he knows of a signature.
    pub(crate) unasked: Vec<String>,
}

impl Artifacts {
    /// Looks for a signature that lets a component run: on this host's disk, in the lattice's artifact store, in the registry that
    /// `image` names. Where a good one is found nobody else is asked, and it is kept on disk.
    pub(crate) async fn signed(
        &self,
        digest: &Digest,
        image: &str,
        trust: &Trust,
        now: UnixSeconds,
    ) -> Result<VerifiedImage, NotSigned> {
        let (mut closest, mut unasked) = (ImageRefusal::Unsigned, Vec::new());
        let (disk, wanted) = (self.disk.clone(), *digest);
        match blocking(move || disk.tokens(&wanted)).await {
            // What was on disk before the bundle expired was believed then: a host that is offline goes on with what it knew.
            Ok(tokens) => match tokens.verify(trust, now, Freshness::MayBeStale) {
                Ok(verified) => return Ok(verified),
                Err(refusal) => closest = refusal,
            },
            Err(error) => unasked.push(error.to_string()),
        }
        match self.stored_tokens(digest).await {
            Ok(tokens) => match self.learn(digest, tokens, trust, now).await {
                Ok(verified) => return Ok(verified),
                Err(refusal) => closest = closest.or_closer(refusal),
            },
            Err(error) => unasked.push(error.to_string()),
        }
        if let Some(origin) = self.origin(image) {
            match origin.signatures(digest).await {
                Ok(tokens) => match self.learn(digest, tokens.clone(), trust, now).await {
                    Ok(verified) => {
                        self.share_tokens(digest, tokens);
                        return Ok(verified);
                    }
                    Err(refusal) => closest = closest.or_closer(refusal),
                },
                Err(error) => unasked.push(error.to_string()),
            }
        }
        Err(NotSigned {
            digest: *digest,
            refusal: closest,
            unasked,
        })
    }

    /// The signatures beside a component in the lattice's artifact store.
    pub(super) async fn stored_tokens(&self, digest: &Digest) -> Result<ImageTokens, FetchError> {
        let state = |error: &dyn std::error::Error| FetchError::Store(error.to_string());
        let store = self.bus.objects(&self.bucket).await.map_err(|error| state(&error))?;
        match store.get(&signatures_name(digest), SIGNATURES_BYTES_MAX).await {
            Ok(bytes) => Ok(ImageTokens::read(*digest, &bytes)),
            Err(ObjectError::NotFound(_) | ObjectError::TooLarge { .. }) => Ok(ImageTokens::none(*digest)),
            Err(error) => Err(state(&error)),
        }
    }

    /// Keeps signatures if one of them is good.
    async fn learn(
        &self,
        digest: &Digest,
        tokens: ImageTokens,
        trust: &Trust,
        now: UnixSeconds,
    ) -> Result<VerifiedImage, ImageRefusal> {
        let verified = tokens.verify(trust, now, Freshness::Required)?;
        if let Err(error) = self.keep_tokens(digest, tokens).await {
            debug!(%digest, %error, "a signature could not be kept; it will be asked for again");
        }
        Ok(verified)
    }
}
