//! Starting, scaling and stopping an actor on one host.

use lattice_core::{ActorName, ActorSpec, Digest, UnixSeconds, application::Probe};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a host to run an actor. Answered when it is ready to serve, and every peer has been told of it.
///
/// The component's bytes are in the lattice's artifact store under `spec.digest`; the host verifies them.
/// Asked again with the same spec (its `image` aside, which only says where it was read from), the host answers as if it had just started it (and scales to `replicas`);
/// with another spec under the same name, it makes that ready and puts it in the place of what was there, which drains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStart {
    /// What to run.
    pub spec: ActorSpec,
    /// How many replicas of it on this host.
    pub replicas: u32,
    /// A request that it must answer well before it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// How long another version, in whose place it comes, may finish what it is doing. None: as long as the host gives by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
}

impl ActorStart {
    /// Asks for so many replicas, ready when compiled and linked.
    pub fn new(spec: ActorSpec, replicas: u32) -> Self {
        Self {
            spec,
            replicas,
            probe: None,
            drain_ms: None,
        }
    }
}

/// The actor is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStarted {
    /// The actor as it is now.
    pub status: ActorStatus,
    /// Whether it was running before the command came.
    #[serde(default)]
    pub was_running: bool,
    /// Whether the compiled artifact came from the host's cache.
    #[serde(default)]
    pub from_cache: bool,
    /// How long the start took on the host.
    #[serde(default)]
    pub took_ms: u64,
}

/// Asks a host to fetch and compile the component of an actor that may be placed on it, and to run nothing. Answered when a start would
/// find all of it on the host's disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorFetch {
    /// What may have to run.
    pub spec: ActorSpec,
}

/// The component is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorFetched {
    /// Whether it was there before.
    #[serde(default)]
    pub from_cache: bool,
    /// How long that took on the host.
    #[serde(default)]
    pub took_ms: u64,
}

/// Asks a host to run this many replicas of an actor it runs. Zero is `ActorStop`'s business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorScale {
    /// Which actor.
    pub actor: ActorName,
    /// How many replicas on this host, at least one.
    pub replicas: u32,
}

/// Asks a host to stop an actor: no new invocations, wait for those in flight, then stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStop {
    /// Which actor.
    pub actor: ActorName,
    /// How long to wait for invocations in flight before they are cancelled.
    pub drain_ms: u64,
}

/// The actor is gone from this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStopped {
    /// Which actor.
    pub actor: ActorName,
    /// How many invocations were still in flight at the end of the drain, and were cancelled.
    #[serde(default)]
    pub cancelled: u64,
}

/// What state an actor on a host is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorState {
    /// Fetching, compiling, linking.
    Starting,
    /// Serving.
    Ready,
    /// Finishing what is in flight; takes nothing new.
    Draining,
    /// Anything a newer version knows and we do not.
    #[serde(other)]
    Unknown,
}

/// An actor on one host, as that host tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStatus {
    /// What the host was asked to run.
    pub spec: ActorSpec,
    /// The state it is in.
    pub state: ActorState,
    /// How many replicas run here.
    pub replicas: u32,
    /// Invocations running now.
    #[serde(default)]
    pub in_flight: u64,
    /// How many may run at once over all replicas here.
    #[serde(default)]
    pub capacity: u64,
    /// Invocations served since it started here.
    #[serde(default)]
    pub served: u64,
    /// Invocations that failed (trap, limit, deadline) since it started here.
    #[serde(default)]
    pub failed: u64,
    /// When it became ready here, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_since: Option<UnixSeconds>,
    /// Of a stateful actor, how many keys are awake here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake: Option<u64>,
}

impl ActorStatus {
    /// The actor's name.
    pub fn name(&self) -> &ActorName {
        &self.spec.name
    }

    /// The component's digest.
    pub fn digest(&self) -> &Digest {
        &self.spec.digest
    }
}

impl Command for ActorStart {
    type Reply = ActorStarted;
    const VERB: Verb = Verb::ActorStart;
}

impl Command for ActorFetch {
    type Reply = ActorFetched;
    const VERB: Verb = Verb::ActorFetch;
}

impl Command for ActorScale {
    type Reply = ActorStatus;
    const VERB: Verb = Verb::ActorScale;
}

impl Command for ActorStop {
    type Reply = ActorStopped;
    const VERB: Verb = Verb::ActorStop;
}
