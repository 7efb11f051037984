//! The trust bundle: issuers, what each may sign, and what is revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ask::{Ask, Provenance};
use crate::id::{IssuerId, LatticeId, OperatorId};
use crate::link::LinkId;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::time::{CLOCK_SKEW, UnixSeconds};
use crate::token::{Body, Draft, SignError, Validity, sign};

/// The claims of a `trust` token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustBundle {
    /// Grows with every bundle; a lower one is refused.
    pub serial: u64,
    /// Who may sign what. A key may stand here more than once.
    pub issuers: Vec<Issuer>,
    /// By key (of an issuer or of a member): tokens signed by it or about it and issued before this time are dead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_before: BTreeMap<String, UnixSeconds>,
    /// Ids of single tokens that are dead.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub revoked_ids: BTreeSet<String>,
    /// By link: generations below this one are dead.
    #[serde(default, rename = "min_gen", skip_serializing_if = "BTreeMap::is_empty")]
    pub minimum_generations: BTreeMap<LinkId, u64>,
    /// What is demanded of components.
    #[serde(default, skip_serializing_if = "ImagePolicy::is_any")]
    pub images: ImagePolicy,
}

/// What a lattice demands of components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImagePolicy {
    /// Nothing: whoever may order an actor may choose what it runs.
    #[default]
    Any,
    /// That somebody with the role `image` signed them.
    Signed,
}

impl ImagePolicy {
    /// Whether it demands nothing.
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }
}

impl fmt::Display for ImagePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Any => "any",
            Self::Signed => "signed",
        })
    }
}

/// A key and what it may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The key.
    pub key: IssuerId,
    /// What kinds of token it may sign.
    pub roles: BTreeSet<Role>,
    /// For which things.
    #[serde(default)]
    pub scope: Scope,
    /// Not before this time.
    #[serde(default, rename = "nbf", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixSeconds>,
    /// Not after this time.
    #[serde(default, rename = "exp", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixSeconds>,
}

/// What an issuer may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Links and their removal.
    Link,
    /// Tokens of hosts and stand-alone providers.
    Host,
    /// Components.
    Image,
    /// Commands.
    Control,
    /// Code compiled elsewhere.
    Aot,
}

impl Role {
    /// All roles, as the one issuer of a development lattice has them.
    pub const ALL: [Role; 5] = [Role::Link, Role::Host, Role::Image, Role::Control, Role::Aot];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Link => "link",
            Self::Host => "host",
            Self::Image => "image",
            Self::Control => "control",
            Self::Aot => "aot",
        })
    }
}

impl Body for TrustBundle {
    const KIND: &'static str = "trust";
    type Issuer = OperatorId;
}

impl TrustBundle {
    /// Signs the bundle with an operator's key.
    pub fn sign(&self, key: &nkeys::KeyPair, lattice: &LatticeId, validity: Validity) -> Result<String, SignError> {
        let subject = format!("trust:{lattice}");
        sign(
            key,
            &Draft {
                subject,
                lattice: lattice.clone(),
                validity,
                body: self.clone(),
            },
        )
    }
}

impl Issuer {
    /// An issuer with all roles for everything, as `lattice up` makes it.
    pub fn unlimited(key: IssuerId) -> Self {
        Self {
            key,
            roles: Role::ALL.into(),
            scope: Scope::default(),
            not_before: None,
            expires_at: None,
        }
    }
}

impl TrustBundle {
    /// Narrows the entries of `issuer` by role, time and scope, so that the refusal names the first that leaves none.
    pub(super) fn permission(
        &self,
        issuer: &IssuerId,
        ask: &Ask<'_>,
        now: UnixSeconds,
    ) -> Result<UnixSeconds, Refusal> {
        let name = || issuer.to_string();
        let role = ask.role();
        let mut entries: Vec<&Issuer> = self.issuers.iter().filter(|entry| entry.key == *issuer).collect();
        if entries.is_empty() {
            return Err(Refusal::UnknownIssuer { issuer: name() });
        }
        entries.retain(|entry| entry.roles.contains(&role));
        if entries.is_empty() {
            return Err(Refusal::RoleMissing { issuer: name(), role });
        }
        entries.retain(|entry| entry.is_in_force(now));
        if entries.is_empty() {
            return Err(Refusal::IssuerNotInForce { issuer: name() });
        }
        let mut outside = None;
        entries.retain(|entry| entry.scope.check(ask).map_err(|what| outside = Some(what)).is_ok());
        let until = entries
            .iter()
            .map(|entry| entry.expires_at.unwrap_or(UnixSeconds::MAX))
            .max();
        until.ok_or_else(|| Refusal::OutOfScope {
            issuer: name(),
            what: outside.unwrap_or_default(),
        })
    }

    pub(super) fn check_revoked(&self, issuer: &IssuerId, provenance: &Provenance<'_>) -> Result<(), Refusal> {
        if self.revoked_ids.contains(provenance.token_id) {
            return Err(Refusal::Revoked {
                why: format!("its id {} is on the list", provenance.token_id),
            });
        }
        for key in [issuer.as_str(), provenance.subject] {
            match self.revoked_before.get(key) {
                Some(before) if provenance.issued_at < *before => {
                    return Err(Refusal::Revoked {
                        why: format!("everything of {key} issued before {before} is"),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Issuer {
    fn is_in_force(&self, now: UnixSeconds) -> bool {
        let begun = self.not_before.is_none_or(|begin| begin <= now.after(CLOCK_SKEW));
        let over = self.expires_at.is_some_and(|end| now > end.after(CLOCK_SKEW));
        begun && !over
    }
}
