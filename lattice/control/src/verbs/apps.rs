//! How far applications are.

use lattice_core::{AppName, MemberId};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::{reconcile::AppProgress, verb::Verb};

/// Asks a host how far applications are. Only the one whose controller leads knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppsProgress {
    /// Which ones; empty for all.
    #[serde(default)]
    pub apps: Vec<AppName>,
}

/// How far applications are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppsProgressReply {
    /// Whether this host's controller leads. If not, there is nothing more in this answer.
    #[serde(default)]
    pub leads: bool,
    /// Since when it leads and has looked at everything: a number that differs from that of any other term.
    #[serde(default)]
    pub term: u64,
    /// The applications it knows, of those asked about.
    #[serde(default)]
    pub apps: Vec<AppProgress>,
    /// Who leads, if this host knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<MemberId>,
}

impl Command for AppsProgress {
    type Reply = AppsProgressReply;
    const VERB: Verb = Verb::AppProgress;
}
