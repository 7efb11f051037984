//! What it takes to run an actor.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::id::{ActorName, AppName, Digest, Labels};
use crate::site::OnPartition;
use crate::stateful::Stateful;

/// An actor as a host is asked to run it.
///
/// ```
/// use lattice_core::{ActorSpec, Digest};
/// let spec = ActorSpec::new("hello".parse()?, Digest::of(b"a component"), "file://hello.wasm");
/// assert_eq!(spec.limits.queue(), spec.limits.concurrency);
/// # Ok::<(), lattice_core::ParseIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorSpec {
    /// What links and callers call it.
    pub name: ActorName,
    /// The component, by content.
    pub digest: Digest,
    /// Where the component came from, as the user typed it. Shown, never fetched from.
    pub image: String,
    /// How it lives.
    #[serde(default)]
    pub kind: ActorKind,
    /// What `wasi:config` tells it.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What it may use at most.
    #[serde(default)]
    pub limits: Limits,
    /// Whether instances serve more than one invocation.
    #[serde(default)]
    pub reuse: Reuse,
    /// Labels a host must have to run it.
    #[serde(default)]
    pub placement: Labels,
    /// Secrets that `wasi:config` tells it beside its config: the key it asks for, and the name under which the host keeps the value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// The application it belongs to, which then decides where it runs. None for an actor that was started by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
    /// What becomes of it at a site that is cut off. None: as its kind has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_partition: Option<OnPartition>,
}

impl ActorSpec {
    /// A service actor with default limits, a fresh instance per invocation and no config.
    pub fn new(name: ActorName, digest: Digest, image: impl Into<String>) -> Self {
        Self {
            name,
            digest,
            image: image.into(),
            kind: ActorKind::default(),
            config: BTreeMap::new(),
            limits: Limits::default(),
            reuse: Reuse::default(),
            placement: Labels::default(),
            secrets: BTreeMap::new(),
            app: None,
            on_partition: None,
        }
    }

    /// Whether both ask for the same. Where the component was read from makes no difference: its digest says which it is.
    pub fn is_same(&self, other: &Self) -> bool {
        self.without_image() == other.without_image()
    }

    /// Tells one spec from another in few bytes; equal for specs that are the same. Not a proof of anything: whoever may sign
    /// specs could make two that share it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.without_image())
    }

    fn without_image(&self) -> Self {
        Self {
            image: String::new(),
            ..self.clone()
        }
    }
}

/// How an actor lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActorKind {
    /// Stateless: any number of replicas, any of which may serve an invocation.
    #[default]
    Service,
    /// One live instance per key, one invocation at a time, its state kept.
    Stateful(Stateful),
}

impl ActorKind {
    /// How its state is kept, if it has any.
    pub const fn stateful(&self) -> Option<&Stateful> {
        match self {
            Self::Stateful(stateful) => Some(stateful),
            Self::Service => None,
        }
    }
}

/// The most that one replica of an actor may use. Over a limit, a call fails at once and says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Linear memory of one instance. Growth beyond it fails in the guest.
    pub memory_bytes: u64,
    /// How long an invocation may take when its caller names no shorter time. The guest is interrupted then.
    pub deadline_ms: u64,
    /// Invocations at a time in one replica.
    pub concurrency: u32,
    /// Invocations that may wait beyond those; `None` is as many as `concurrency`. The next is refused as overloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// The longest request or response body, streamed or not.
    pub body_bytes_max: u64,
}

impl Limits {
    /// Room for a typical component with its garbage collector, and eight of them on the smallest board we run on.
    pub const DEFAULT_MEMORY_BYTES: u64 = 128 << 20;
    /// As long as common HTTP proxies wait for an answer.
    pub const DEFAULT_DEADLINE_MS: u64 = 30_000;
    /// Enough that a slow key-value store does not idle a core.
    pub const DEFAULT_CONCURRENCY: u32 = 128;
    /// Larger bodies belong into an object store.
    pub const DEFAULT_BODY_BYTES_MAX: u64 = 64 << 20;

    /// [`Limits::deadline_ms`] as a duration.
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// How many invocations may wait.
    pub fn queue(&self) -> u32 {
        self.queue.unwrap_or(self.concurrency)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            deadline_ms: Self::DEFAULT_DEADLINE_MS,
            concurrency: Self::DEFAULT_CONCURRENCY,
            queue: None,
            body_bytes_max: Self::DEFAULT_BODY_BYTES_MAX,
        }
    }
}

/// Whether an instance serves more than one invocation. Reuse is faster, and lets what one caller left in memory meet the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// A fresh instance for each invocation.
    #[default]
    Fresh,
    /// One invocation after another, this many at most, then a fresh instance.
    Invocations(u32),
    /// Several at a time, where the component is asynchronous.
    Concurrent {
        /// Invocations in one instance at a time.
        max_in_flight: u32,
        /// Invocations in the life of one instance.
        max_invocations: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_component_from_another_place_is_the_same_actor() {
        let spec = |component: &[u8], image: &str| {
            ActorSpec::new("hello".parse().expect("a name"), Digest::of(component), image)
        };
        let one = spec(b"a", "file://a.wasm");
        let check = |other: &ActorSpec, same: bool| {
            assert_eq!(one.is_same(other), same);
            assert_eq!(one.fingerprint() == other.fingerprint(), same);
        };
        check(&spec(b"a", "oci://a"), true);
        check(&spec(b"b", "file://a.wasm"), false);
        let mut other = one.clone();
        other.config.insert("place".to_owned(), "edge".to_owned());
        check(&other, false);
        other = one.clone();
        other.app = Some("shop".parse().expect("a name"));
        check(&other, false);
    }
}
