//! Who this process is on the lattice.

use std::fmt;
use std::sync::Arc;

use lattice_core::presence::SealError;
use lattice_core::{Incarnation, LatticeId, MemberId, Presence};
use nkeys::KeyPair;

/// A member's key, the token that vouches for it, and this run of it.
pub(crate) struct Identity {
    pub(crate) lattice: LatticeId,
    pub(crate) address: Address,
    pub(crate) token: Arc<str>,
    key: KeyPair,
}

/// One run of one member: whom a message is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) member: MemberId,
    pub(crate) incarnation: Incarnation,
}

/// Why a key cannot be an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is not a host's or a provider's.
    #[error("the key is not a host's (N…) or a provider's (V…)")]
    Kind(#[source] lattice_core::ParseIdError),
    /// It has no private half.
    #[error("the key has no seed to sign with")]
    PublicOnly,
}

impl Identity {
    pub(crate) fn new(
        lattice: LatticeId,
        key: KeyPair,
        token: &str,
        incarnation: Incarnation,
    ) -> Result<Self, IdentityError> {
        let member = key.public_key().parse().map_err(IdentityError::Kind)?;
        key.sign(b"probe").map_err(|_| IdentityError::PublicOnly)?;
        Ok(Self {
            lattice,
            address: Address { member, incarnation },
            token: token.into(),
            key,
        })
    }

    /// Signs a heartbeat.
    pub(crate) fn seal(&self, presence: &Presence) -> Result<Vec<u8>, SealError> {
        presence.seal(&self.key)
    }

    /// Signs with the member's key.
    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let signature = self.key.sign(bytes).ok();
        signature
            .and_then(|bytes| bytes.try_into().ok())
            .expect("the key signed when the identity was made")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("lattice", &self.lattice)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
