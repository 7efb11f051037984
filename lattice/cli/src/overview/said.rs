//! What members said in one look.

use std::{collections::BTreeMap, time::Instant};

use lattice_control::{InventoryReply, LinksReply, TrafficReply};
use lattice_core::{ActorKey, ActorName, MemberId};

/// What was heard in one look.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// When, in milliseconds since 1970.
    pub(super) at_ms: u64,
    /// Those who were asked, and what people call them.
    pub(super) asked: BTreeMap<MemberId, String>,
    /// Those who answered.
    pub(super) said: Vec<Said>,
}

/// What one member said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// What it is and runs.
    pub(super) inventory: InventoryReply,
    /// What it makes of the links, if it told.
    pub(super) links: Option<LinksReply>,
    /// What it has served, and when it told. Members of earlier versions do not know the question.
    pub(super) traffic: Option<(Instant, TrafficReply)>,
    /// Some of the keys that are awake on it.
    pub(super) keys: BTreeMap<ActorName, Vec<ActorKey>>,
}

impl Said {
    /// Who said it.
    pub(super) fn member(&self) -> &MemberId {
        &self.inventory.summary.member
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        &self.inventory.summary.name
    }
}
