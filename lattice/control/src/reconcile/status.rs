//! How far an application is.

use lattice_core::{ActorName, AppName, ProviderName};
use serde::{Deserialize, Serialize};

/// How far an application is, as the leading controller sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppProgress {
    /// Which.
    pub app: AppName,
    /// In which revision.
    pub revision: u64,
    /// In a word.
    pub phase: AppPhase,
    /// Its actors.
    #[serde(default)]
    pub actors: Vec<ActorProgress>,
    /// Its providers.
    #[serde(default)]
    pub providers: Vec<ProviderProgress>,
    /// Links that are in force, of so many.
    #[serde(default)]
    pub links: (usize, usize),
    /// What keeps it from being ready, for a person.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// How far an application is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppPhase {
    /// Everything runs as it shall.
    Ready,
    /// On its way.
    Progressing,
    /// Something does not work; what can be tried again is.
    Stuck,
    /// On its way out.
    Deleting,
    /// Nothing is left of it.
    Deleted,
    /// Anything a newer version knows and we do not.
    #[serde(other)]
    Unknown,
}

/// How far an actor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorProgress {
    /// Which.
    pub name: ActorName,
    /// How many replicas there shall be.
    pub wanted: u32,
    /// How many serve, in whichever version.
    pub serving: u32,
    /// How many of those are what the revision asks for, where it asks for them.
    pub ready: u32,
    /// Where they shall be: the names of hosts, and how many on each.
    #[serde(default)]
    pub hosts: Vec<(String, u32)>,
}

/// How far a provider is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderProgress {
    /// Which.
    pub name: ProviderName,
    /// On how many hosts it shall run.
    pub wanted: u32,
    /// On how many of those it does.
    pub ready: u32,
    /// The names of the hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
}
