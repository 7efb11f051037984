//! How many, and where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ActorName, HostId, Labels};

/// How many replicas there shall be, and on which hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// How many.
    #[serde(default)]
    pub scale: Scale,
    /// Groups of hosts that share the replicas by weight. Empty: all hosts that the actor may run on, alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<Share>,
    /// The most replicas on one host. None: as many as fall to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_host_max: Option<u32>,
    /// Actors it does not share a host with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart_from: Vec<ActorName>,
    /// What an operator has moved by hand: what would run on the one runs on the other, while that is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<HostId, HostId>,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scale {
    /// So many over all hosts.
    Replicas(u32),
    /// So many on each host that matches, also on one that joins later.
    PerHost(u32),
}

/// A group of hosts and what falls to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels its hosts have.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Its share relative to that of the others.
    #[serde(default = "Share::default_weight")]
    pub weight: u32,
}

impl Placement {
    /// So many replicas anywhere.
    pub fn replicas(count: u32) -> Self {
        Self {
            scale: Scale::Replicas(count),
            ..Self::default()
        }
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::Replicas(1)
    }
}

impl Share {
    /// What a share weighs unless its manifest says otherwise.
    pub const DEFAULT_WEIGHT: u32 = 100;

    fn default_weight() -> u32 {
        Self::DEFAULT_WEIGHT
    }
}
