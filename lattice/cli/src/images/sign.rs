//! Signing components: that they may run.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lattice_core::{
    Digest, LatticeId,
    token::{IMAGE_LIFETIME, ImageClaims, Validity},
};
use nkeys::KeyPair;

use super::Fetched;
use crate::{
    context::ContextFile,
    failure::{Exit, Failure},
    session::{now, read_seed},
};

/// Whether and with which key components are signed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SignArgs {
    /// Signs that it may run in this lattice, with the issuer's key of the context; that takes the role `image`
    #[arg(long)]
    pub(crate) sign: bool,
    /// Signs with this seed instead
    #[arg(long, value_name = "FILE", requires = "sign")]
    sign_key: Option<PathBuf>,
}

/// What signs components.
pub(crate) struct Signer {
    key: KeyPair,
    lattice: LatticeId,
}

impl SignArgs {
    /// What signs, if it was asked for.
    pub(crate) fn signer(&self, context: &ContextFile) -> Result<Option<Signer>> {
        if !self.sign {
            return Ok(None);
        }
        let path = self.sign_key.as_ref().or(context.keys.issuer.as_ref()).ok_or_else(|| {
            Failure::new(Exit::Denied, "this context has no key to sign components with").help(
                "use a context with `keys.issuer`, the seed of an issuer with the role `image`, or name one with --sign-key FILE",
            )
        })?;
        Ok(Some(Signer {
            key: read_seed(path)?,
            lattice: context.lattice.clone(),
        }))
    }
}

impl Signer {
    /// Signs a component, and the manifest it was found under.
    pub(crate) fn sign(&self, component: Digest, manifest: Option<Digest>, image: &str) -> Result<String> {
        let claims = ImageClaims {
            component,
            manifest,
            image: image.to_owned(),
        };
        Ok(claims.sign(&self.key, &self.lattice, Validity::lasting(now(), IMAGE_LIFETIME))?)
    }

    /// Adds a signature to a component's.
    pub(crate) fn add_to(&self, fetched: &mut Fetched) -> Result<()> {
        let manifest = fetched.manifest.as_deref().map(Digest::of);
        fetched
            .tokens
            .push(self.sign(fetched.digest, manifest, &fetched.image)?);
        Ok(())
    }

    /// Who signs.
    pub(crate) fn issuer(&self) -> String {
        self.key.public_key()
    }
}
