//! Links that passed every check.

use std::sync::Arc;

use semver::Version;

use super::{LinkClaims, LinkId};
use crate::id::{Digest, IssuerId, Labels};
use crate::interface::VersionedInterface;
use crate::time::UnixSeconds;

/// A link in force: every check of it has passed on this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveLink {
    /// Which link.
    pub id: LinkId,
    /// What its token claims.
    pub claims: LinkClaims,
    /// Who signed it.
    pub issuer: IssuerId,
    /// The id of its token.
    pub token_id: String,
    /// When it was signed.
    pub issued_at: UnixSeconds,
    /// When its token ends.
    pub expires_at: UnixSeconds,
    /// Its token.
    pub token: Arc<str>,
}

impl ActiveLink {
    /// Whether it grants this interface in this version.
    pub fn covers(&self, interface: &VersionedInterface) -> bool {
        let versions = &self.claims.versions;
        let version_fits = || {
            interface
                .version
                .as_ref()
                .is_some_and(|wanted| versions.iter().any(|v| fits(v, wanted)))
        };
        self.claims.interface.covers(&interface.id) && (versions.is_empty() || version_fits())
    }

    /// Whether it grants this function, as WIT spells it.
    pub fn allows(&self, function: &str) -> bool {
        self.claims.functions.allows(function)
    }

    /// Whether the source may use it when it runs this component.
    pub fn permits_component(&self, digest: &Digest) -> bool {
        self.claims.source_digests.is_empty() || self.claims.source_digests.contains(digest)
    }

    /// Whether the source may use it on a host with these labels.
    pub fn permits_host(&self, labels: &Labels) -> bool {
        labels.matches(&self.claims.hosts)
    }
}

impl std::ops::Deref for ActiveLink {
    type Target = LinkClaims;

    fn deref(&self) -> &LinkClaims {
        &self.claims
    }
}

/// Whether a link for `granted` serves an import of `wanted`: the same draft, or a release that semver calls compatible.
fn fits(granted: &Version, wanted: &Version) -> bool {
    if granted == wanted {
        return true;
    }
    let released = granted.pre.is_empty() && wanted.pre.is_empty();
    let same_line = match (granted.major, granted.minor) {
        (0, 0) => granted.patch == wanted.patch && wanted.minor == 0 && wanted.major == 0,
        (0, minor) => wanted.major == 0 && wanted.minor == minor,
        (major, _) => wanted.major == major,
    };
    released && same_line
}
