//! One member's own view of the links: what it verified, what it refused and why.

use lattice_core::{Digest, FunctionSet, InterfacePattern, IssuerId, LinkId, LinkLabel, Party, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a member for its view of the links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// Only this link (and refusals under its key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
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
