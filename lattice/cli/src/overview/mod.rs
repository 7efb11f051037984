//! The whole lattice at one moment, as far as it answers: what `lattice top` and `lattice ui` show.
//!
//! [`Feed`] looks again and again: it asks all members (`ask`), and what they said (`said`) is put together (`assemble`), with the
//! traffic since they were asked before (`traffic`).

mod ask;
mod assemble;
mod feed;
mod links;
#[cfg(test)]
mod live;
mod said;
#[cfg(test)]
pub(crate) mod testing;
mod traffic;

use lattice_control::{ActorState, ProviderState};
use lattice_core::{
    ActorKey, LinkId, MemberId, Party,
    presence::{MemberKind, MemberState, Scheduling},
};
use serde::Serialize;

pub(crate) use feed::Feed;

/// The lattice at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    /// What it is called.
    pub(crate) lattice: String,
    /// When it was looked at, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Hosts and stand-alone providers, by name.
    pub(crate) hosts: Vec<HostView>,
    /// The links in force, by id.
    pub(crate) links: Vec<LinkView>,
    /// Members that are known to be there and gave no answer in time.
    pub(crate) silent: Vec<String>,
    /// Everything that was served.
    pub(crate) traffic: Rate,
    /// What each actor and provider served on all hosts together, by name. Those that were never called are not in it.
    pub(crate) parties: Vec<PartyView>,
    /// Why this is not newer, when the last look failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
}

/// An actor or a provider, wherever it runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartyView {
    pub(crate) party: Party,
    /// What it served on all hosts.
    pub(crate) traffic: Rate,
}

/// A member, and what runs on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostView {
    pub(crate) id: MemberId,
    pub(crate) name: String,
    pub(crate) kind: MemberKind,
    pub(crate) state: MemberState,
    pub(crate) scheduling: Scheduling,
    pub(crate) labels: String,
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) started_at: u64,
    pub(crate) memory_bytes: u64,
    /// Of all processors together, from 0 to 1.
    pub(crate) cpu: f64,
    pub(crate) actors: Vec<ActorView>,
    pub(crate) providers: Vec<ProviderView>,
    /// Everything that it served.
    pub(crate) traffic: Rate,
}

/// An actor on one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActorView {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) state: ActorState,
    pub(crate) replicas: u32,
    pub(crate) in_flight: u64,
    pub(crate) capacity: u64,
    /// Of a stateful actor, how many keys are awake here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) awake: Option<u64>,
    /// Some of those keys, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<ActorKey>,
    /// What it served here.
    pub(crate) traffic: Rate,
}

/// A provider on one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderView {
    pub(crate) name: String,
    pub(crate) state: ProviderState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    pub(crate) endpoints: Vec<String>,
    /// What it served here.
    pub(crate) traffic: Rate,
}

/// A link, and what members think of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkView {
    pub(crate) id: LinkId,
    pub(crate) generation: u64,
    pub(crate) source: Party,
    pub(crate) target: Party,
    pub(crate) interface: String,
    pub(crate) label: String,
    pub(crate) issuer: String,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
    /// The members that hold it verified, by name.
    pub(crate) verified_by: Vec<String>,
    /// The members that refused the token they saw, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused_by: Vec<(String, String)>,
    /// What is wrong with serving it, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    pub(crate) traffic: Rate,
}

/// How much goes on, over the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    /// Calls a second.
    pub(crate) calls: f64,
    /// Failed calls a second.
    pub(crate) failed: f64,
    /// How long half of them took at most, in microseconds, right to a factor of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_us: Option<u64>,
    /// As much for 99 of 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_us: Option<u64>,
}
