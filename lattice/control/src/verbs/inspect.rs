//! What a component imports and exports.

use lattice_core::{ActorName, Digest, LinkId, VersionedInterface};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a host what a component imports and exports, and which link satisfies each import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorInspect {
    /// Which component.
    pub target: InspectTarget,
}

/// The component to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InspectTarget {
    /// That of an actor which runs on this host.
    Actor(ActorName),
    /// One in the lattice's artifact store.
    Artifact(Digest),
}

/// What a component imports and exports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorShape {
    /// The component.
    pub digest: Digest,
    /// What it needs.
    pub imports: Vec<InterfaceShape>,
    /// What it offers.
    pub exports: Vec<InterfaceShape>,
}

/// How an import is satisfied.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportClass {
    /// By the host itself (clocks, random, streams): no link needed.
    Host,
    /// By a link to a provider.
    Capability,
    /// By a link to another actor.
    Actor,
    /// By nothing this host has.
    Unsupported,
    /// Anything a newer version knows and we do not.
    #[serde(other)]
    Unknown,
}

/// One imported or exported interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterfaceShape {
    /// Which interface, in which version.
    pub interface: VersionedInterface,
    /// Its functions, when the host shows them.
    #[serde(default)]
    pub functions: Vec<FunctionShape>,
    /// For an import: how it is satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ImportClass>,
    /// For an import of a running actor: the links that satisfy it, one per label.
    #[serde(default)]
    pub links: Vec<LinkId>,
    /// What stands in the way, if anything: "resources cannot cross the lattice".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One function of an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionShape {
    /// Its name.
    pub name: String,
    /// Its signature in WIT: `func(name: string) -> result<u32, string>`.
    pub signature: String,
}

impl Command for ActorInspect {
    type Reply = ActorShape;
    const VERB: Verb = Verb::ActorInspect;
}
