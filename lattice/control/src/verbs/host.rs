//! Who is there, what runs on it, and stopping it.

use lattice_core::{
    Incarnation, Labels, MemberId, Party, UnixSeconds,
    presence::{MemberKind, MemberState, Scheduling},
};
use serde::{Deserialize, Serialize};

use super::{ActorStatus, Command, ProviderStatus};
use crate::verb::Verb;

/// Asks who is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ping {}

/// A member of the lattice, in a few words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberSummary {
    /// Its identity.
    pub member: MemberId,
    /// This run of it. Commands are addressed to one incarnation, so that none outlives a restart.
    pub incarnation: Incarnation,
    /// What people call it.
    pub name: String,
    /// What sort of process it is.
    pub kind: MemberKind,
    /// Whether it takes work.
    pub state: MemberState,
    /// Whether more may be placed on it.
    #[serde(default)]
    pub scheduling: Scheduling,
    /// Labels, as its enrolment token grants them.
    #[serde(default)]
    pub labels: Labels,
    /// Version of the program.
    #[serde(default)]
    pub version: String,
    /// Of hosts: how they run components, such as `server` or `edge64, no compiler`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine: String,
    /// When it started.
    #[serde(default)]
    pub started_at: UnixSeconds,
    /// How many actors it runs.
    #[serde(default)]
    pub actors: u32,
    /// How many providers it runs.
    #[serde(default)]
    pub providers: u32,
    /// The members it sees now, itself included. Tells an asker whom to wait for.
    #[serde(default)]
    pub sees: Vec<MemberId>,
    /// Its enrolment token, so that the asker can check who granted it its place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
}

/// Asks for everything a member runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {}

/// Everything a member runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InventoryReply {
    /// The member.
    pub summary: MemberSummary,
    /// Its actors.
    #[serde(default)]
    pub actors: Vec<ActorStatus>,
    /// Its providers.
    #[serde(default)]
    pub providers: Vec<ProviderStatus>,
    /// Facts worth showing and not worth a type: `engine.profile`, `nats.server`, `memory.resident` …
    #[serde(default)]
    pub facts: std::collections::BTreeMap<String, String>,
}

/// Asks a member where it would send an invocation for this actor or provider: the fresh placements it sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placements {
    /// Whose placements.
    pub party: Party,
}

/// Where a member sees an actor or provider serving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacementsReply {
    /// Members it would send to, itself included when it runs the party. Draining ones are not in it.
    pub members: Vec<MemberId>,
}

/// Tells a host whether more may be placed on it. It remembers over restarts, and tells everybody; who places obeys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostSchedule {
    /// What shall hold from now on.
    pub scheduling: Scheduling,
}

impl Command for HostSchedule {
    type Reply = MemberSummary;
    const VERB: Verb = Verb::HostSchedule;
}

/// Asks a host to drain and end its process. Answered when the drain is done, just before the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostStop {
    /// How long to wait for work in flight.
    pub drain_ms: u64,
}

/// The host has drained and ends now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostStopping {
    /// How many invocations were still in flight at the end of the drain, and were cancelled.
    #[serde(default)]
    pub cancelled: u64,
}

impl Command for Ping {
    type Reply = MemberSummary;
    const VERB: Verb = Verb::Ping;
}

impl Command for Inventory {
    type Reply = InventoryReply;
    const VERB: Verb = Verb::Inventory;
}

impl Command for Placements {
    type Reply = PlacementsReply;
    const VERB: Verb = Verb::Placements;
}

impl Command for HostStop {
    type Reply = HostStopping;
    const VERB: Verb = Verb::HostStop;
}
