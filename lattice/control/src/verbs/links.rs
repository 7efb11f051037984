//! One member's own view of the links: what it verified, what it refused and why.

use lattice_core::token::Unverified;
use lattice_core::{
    ActiveLink, Digest, FunctionSet, InterfacePattern, IssuerId, LinkClaims, LinkId, LinkLabel, Party, Rejected,
    UnixSeconds, UnlinkClaims,
};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a member for its view of the links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// Only this link (and refusals under its key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// Nothing but the highest generation accepted under each of these ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks_of: Vec<LinkId>,
}

/// A member's view of the links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinksReply {
    /// Links it holds as verified.
    #[serde(default)]
    pub active: Vec<LinkStatus>,
    /// The last refusal under each key that has one.
    #[serde(default)]
    pub refused: Vec<RefusedLink>,
    /// For `Links::link`: the highest generation it has accepted under that id, tombstones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_water: Option<u64>,
    /// For `Links::marks_of`: the highest generation it has accepted of those it knows, tombstones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<(LinkId, u64)>,
    /// Serial of the trust bundle it judges by.
    #[serde(default)]
    pub trust_serial: u64,
}

/// A link that a member holds as verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its id.
    pub id: LinkId,
    /// Its generation.
    pub generation: u64,
    /// Who may use it.
    pub source: Party,
    /// For what.
    pub interface: InterfacePattern,
    /// Under which label.
    pub label: LinkLabel,
    /// Who serves it.
    pub target: Party,
    /// Which functions.
    pub functions: FunctionSet,
    /// Who signed it.
    pub issuer: IssuerId,
    /// When it was signed.
    pub issued_at: UnixSeconds,
    /// When it ends.
    pub expires_at: UnixSeconds,
    /// What is wrong with serving it here, if anything: the provider refused its config, the config is missing …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A token that a member saw and refused. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedLink {
    /// The bucket key it was found under.
    pub key: String,
    /// The link it claims to be, when that much can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// The generation it claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Stable reason, `unknown-issuer`.
    pub code: String,
    /// The reason in words.
    pub message: String,
    /// When it was refused.
    pub at: UnixSeconds,
    /// sha256 of the refused bytes, so that a writer can tell its own token from another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl Command for Links {
    type Reply = LinksReply;
    const VERB: Verb = Verb::Links;
}

impl LinkStatus {
    /// Tells of a link in force, and what is wrong with serving it.
    pub fn of(link: &ActiveLink, problem: Option<String>) -> Self {
        Self {
            id: link.id.clone(),
            generation: link.generation,
            source: link.source.clone(),
            interface: link.interface.clone(),
            label: link.label.clone(),
            target: link.target.clone(),
            functions: link.functions.clone(),
            issuer: link.issuer.clone(),
            issued_at: link.issued_at,
            expires_at: link.expires_at,
            problem,
        }
    }
}

impl RefusedLink {
    /// Tells of what was found under a key and refused.
    pub fn of(key: &str, rejected: &Rejected) -> Self {
        let claimed = rejected.bytes().and_then(|bytes| Unverified::parse_bytes(bytes).ok());
        let generation = claimed.and_then(|token| {
            let link = token.claims::<LinkClaims>().map(|claims| claims.body.generation);
            link.or_else(|_| token.claims::<UnlinkClaims>().map(|claims| claims.body.generation))
                .ok()
        });
        Self {
            key: key.to_owned(),
            claimed: rejected.subject.clone(),
            generation,
            code: rejected.refusal.code().to_owned(),
            message: rejected.refusal.to_string(),
            at: rejected.last_at,
            digest: rejected.bytes().map(Digest::of),
        }
    }
}
