//! Signs commands.

use std::{fmt, sync::Arc, time::SystemTime};

use lattice_core::{
    Digest, IssuerId, LatticeId, MemberId, UnixSeconds,
    application::{Revision, RevisionError, StoredRevision},
    token::{CommandClaims, CommandTarget},
};
use uuid::Uuid;

use crate::{error::ControlError, verb::Verb};

/// A key that signs commands: an issuer with the role `control`. Cheap to clone.
#[derive(Clone)]
pub struct CommandSigner {
    key: Arc<nkeys::KeyPair>,
    issuer: IssuerId,
}

/// The key cannot sign.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignerError {
    /// It is no issuer's.
    #[error("{0} cannot sign this: that takes an issuer's key (A…)")]
    NotAnIssuer(String),
    /// It has no seed.
    #[error("the seed of {0} is not here")]
    NoSeed(IssuerId),
}

/// The issuer whose seed this is.
pub(crate) fn issuer_of(key: &nkeys::KeyPair) -> Result<IssuerId, SignerError> {
    let public = key.public_key();
    let issuer: IssuerId = public.parse().map_err(|_| SignerError::NotAnIssuer(public))?;
    match key.seed() {
        Ok(_) => Ok(issuer),
        Err(_) => Err(SignerError::NoSeed(issuer)),
    }
}

impl CommandSigner {
    /// Takes an issuer's key.
    ///
    /// # Errors
    /// When it is another kind of key, or only a public one.
    pub fn new(key: nkeys::KeyPair) -> Result<Self, SignerError> {
        let issuer = issuer_of(&key)?;
        Ok(Self {
            key: Arc::new(key),
            issuer,
        })
    }

    /// Who signs.
    pub fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    /// Signs a revision of an application.
    ///
    /// # Errors
    /// When it is too large.
    pub fn sign_revision(
        &self,
        revision: &Revision,
        lattice: &LatticeId,
        now: UnixSeconds,
    ) -> Result<StoredRevision, RevisionError> {
        revision.sign(&self.key, lattice, now)
    }

    pub(crate) fn sign(
        &self,
        lattice: &LatticeId,
        target: &MemberId,
        verb: Verb,
        nonce: Uuid,
        body: Digest,
    ) -> Result<String, ControlError> {
        let claims = CommandClaims {
            verb: verb.into(),
            target: CommandTarget::Member(target.clone()),
            body,
            nonce,
        };
        claims
            .sign(&self.key, lattice.clone(), UnixSeconds::from(SystemTime::now()))
            .map_err(|error| ControlError::internal(format!("the command cannot be signed: {error}")))
    }
}

impl fmt::Debug for CommandSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSigner")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
