//! Links: signed grants that let a source use an interface of a target.

mod active;
mod functions;
mod link_id;

use std::time::Duration;

use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::active::ActiveLink;
pub use self::functions::FunctionSet;
pub use self::link_id::{LinkId, LinkIdParts};
use crate::id::{AppName, Digest, IssuerId, Labels, LatticeId, LinkLabel, Party, ProviderKey};
use crate::interface::InterfacePattern;
use crate::token::{Body, Draft, SignError, Validity, sign};

/// How long a link lasts unless someone says otherwise.
pub const LINK_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The claims of a `link` token.
///
/// Every restriction in it has one place that enforces it: the verified table (issuer, times, generation), the starting of the
/// source (`source_digests`, `versions`, `functions`, `hosts`), the receiver of a call (`target`, `target_key`, `functions`,
/// `limits`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkClaims {
    /// Grows with every change of this link.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Who may call.
    pub source: Party,
    /// The components that may, when the source is an actor; empty means whichever runs under its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_digests: Vec<Digest>,
    /// What may be called.
    #[serde(rename = "import")]
    pub interface: InterfacePattern,
    /// In which versions; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// Under which name the source asks for it.
    pub label: LinkLabel,
    /// Whom it reaches.
    pub target: Party,
    /// The key of the target, when it must be one certain stand-alone provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_key: Option<ProviderKey>,
    /// Which functions.
    pub functions: FunctionSet,
    /// The configuration, by content ([`crate::ConfigMap`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<Digest>,
    /// Names of secrets that the target may resolve for this link. Their values never travel in a token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// How much.
    #[serde(default, skip_serializing_if = "LinkLimits::is_unlimited")]
    pub limits: LinkLimits,
    /// Labels a host must have for the source to use the link there.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub hosts: Labels,
    /// The application it was derived for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<LinkApp>,
}

impl LinkClaims {
    /// A link of the first generation for all functions and versions, under the default label.
    pub fn new(source: Party, interface: InterfacePattern, target: Party) -> Self {
        Self {
            generation: 1,
            source,
            source_digests: Vec::new(),
            interface,
            versions: Vec::new(),
            label: LinkLabel::default(),
            target,
            target_key: None,
            functions: FunctionSet::All,
            config_digest: None,
            secrets: Vec::new(),
            limits: LinkLimits::default(),
            hosts: Labels::default(),
            app: None,
        }
    }

    /// The id of the link in `lattice`.
    pub fn id(&self, lattice: &LatticeId) -> LinkId {
        LinkId::new(lattice, &self.source, &self.interface, &self.label)
    }

    /// Signs the link.
    pub fn sign(&self, key: &nkeys::KeyPair, lattice: &LatticeId, validity: Validity) -> Result<String, SignError> {
        let subject = self.id(lattice).to_string();
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

impl Body for LinkClaims {
    const KIND: &'static str = "link";
    type Issuer = IssuerId;
}

/// The claims of an `unlink` token, the tombstone of a link: its subject is the link's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlinkClaims {
    /// Kills all generations up to this one.
    #[serde(rename = "gen")]
    pub generation: u64,
}

impl UnlinkClaims {
    /// Signs the end of `link`. Let it last at least as long as the link would have.
    pub fn sign(&self, key: &nkeys::KeyPair, link: &LinkId, validity: Validity) -> Result<String, SignError> {
        let lattice = link.parts().lattice;
        sign(
            key,
            &Draft {
                subject: link.to_string(),
                lattice,
                validity,
                body: self.clone(),
            },
        )
    }
}

impl Body for UnlinkClaims {
    const KIND: &'static str = "unlink";
    type Issuer = IssuerId;
}

/// How much a link may be used. What is absent is not limited by the link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkLimits {
    /// The longest request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_bytes_max: Option<u64>,
    /// Calls per second from one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    /// The longest a call may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

impl LinkLimits {
    fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// The application a link was derived for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkApp {
    /// Its name.
    pub name: AppName,
    /// Which revision of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The manifest it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<Digest>,
}
