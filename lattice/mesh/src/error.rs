//! What can go wrong while joining.

use std::io;
use std::path::{Path, PathBuf};

use lattice_bus::{StateError, SubscribeError};
use lattice_core::Refusal;

use crate::identity::IdentityError;
use crate::trust::AdmitError;

/// A file of ours that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub struct DiskError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl DiskError {
    pub(crate) fn new(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            verb,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn interrupted(path: &Path) -> Self {
        Self::new("write", path, io::Error::other("the runtime is shutting down"))
    }
}

/// Why a process did not become a member.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The key will not do.
    #[error("cannot use the member key")]
    Identity(#[from] IdentityError),
    /// A file of ours is unreadable. Deleting it forgets what was revoked, so that is left to a person.
    #[error("cannot go on from the files of an earlier run")]
    State(#[from] DiskError),
    /// No trust bundle: neither on disk, nor given, nor on the lattice.
    #[error(
        "the lattice has no trust bundle: an operator must sign and publish one (`lattice up` does, for development)"
    )]
    NoTrust,
    /// No trust bundle on disk nor given, and JetStream, where the lattice's is, could not be asked.
    #[error("the first start needs the lattice's trust bundle, and JetStream cannot be asked for it")]
    NoState(#[source] StateError),
    /// The bundle given, or the lattice's, is not good, and there is none on disk.
    #[error("the trust bundle is not accepted")]
    Bundle(#[source] AdmitError),
    /// The member token is not good.
    #[error("the member token is not accepted")]
    Token(#[source] Refusal),
    /// The member token is for another key.
    #[error("the member token is for {token}, the key is {key}")]
    OtherKey {
        /// Whom the token is for.
        token: String,
        /// Who we are.
        key: String,
    },
    /// The mailbox could not be opened.
    #[error("cannot subscribe")]
    Subscribe(#[from] SubscribeError),
}
