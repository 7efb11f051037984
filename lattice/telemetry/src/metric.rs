//! What metrics there are: their names, here and for Prometheus. Listed for people in `docs/observability.md`.
//!
//! Names follow OpenTelemetry's conventions. Labels are few, and none of them is an id that grows without end: see
//! [`Instruments`](crate::Instruments).

use std::fmt;

/// The actor that serves: `hello`, `cart`. Stateful actors count under their name, whatever their key.
pub const ACTOR: &str = "actor";
/// The provider that serves: `kv`.
pub const PROVIDER: &str = "provider";
/// What is called: `wasi:http/incoming-handler`.
pub const INTERFACE: &str = "interface";
/// How it ended: `ok`, or what kind of fault it was.
pub const OUTCOME: &str = "outcome";
/// What came of checking a link: `accepted`, or why it was refused.
pub const VERDICT: &str = "verdict";
/// A step of a move.
pub const PHASE: &str = "phase";
/// Where machine code came from.
pub const SOURCE: &str = "source";

/// What something measures, and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name for OpenTelemetry.
    pub name: &'static str,
    /// How its numbers behave.
    pub kind: MetricKind,
    /// What they count.
    pub unit: MetricUnit,
    /// What it says, for people.
    pub about: &'static str,
}

/// How the numbers of a metric behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Is what it is now.
    Gauge,
    /// How often it was how much.
    Histogram,
}

/// What the numbers of a metric count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

/// How long calls took, where they were served.
pub const CALL_DURATION: Metric = histogram("lattice.call.duration", "How long calls took where they were served.");
/// How long the steps of moves took.
pub const MOVE_PHASE_DURATION: Metric = histogram(
    "lattice.move.phase.duration",
    "How long the steps of moves of stateful actors took, where they moved from.",
);
/// How long actors that moved began no turn.
pub const MOVE_PAUSE: Metric = histogram(
    "lattice.move.pause",
    "How long stateful actors that moved began no turn.",
);
/// Moves that were tried.
pub const MOVES: Metric = counter("lattice.moves", "Moves of stateful actors from this host.");
/// Links that were checked.
pub const LINK_VERIFICATIONS: Metric = counter("lattice.link.verifications", "Link tokens that were checked.");
/// Links in force.
pub const LINKS: Metric = gauge("lattice.links", "Links in force.");
/// Whether there is a connection to NATS.
pub const NATS_CONNECTED: Metric = gauge("lattice.nats.connected", "1 while connected to NATS.");
/// New connections after the first.
pub const NATS_RECONNECTS: Metric = counter("lattice.nats.reconnects", "Connections to NATS after the first.");
/// How long NATS takes to answer.
pub const NATS_ROUND_TRIP: Metric = histogram("lattice.nats.round_trip", "How long it takes to NATS and back.");
/// Requests that wait for an answer.
pub const NATS_REQUESTS: Metric = gauge("lattice.nats.requests", "Requests over NATS that wait for an answer.");
/// Messages that nobody could take.
pub const NATS_DROPPED: Metric = counter(
    "lattice.nats.dropped",
    "Messages that were dropped because a queue was full.",
);
/// What was refused before it became a call.
pub const FRAMES_REFUSED: Metric = counter(
    "lattice.frames.refused",
    "Messages to this member's mailbox that were refused unread.",
);
/// Members that are there.
pub const MEMBERS: Metric = gauge(
    "lattice.members",
    "Hosts and providers that are there, as seen from here.",
);
/// Events that wait to be told.
pub const EVENTS_WAITING: Metric = gauge("lattice.events.waiting", "Events that wait to be sent.");
/// Replicas of an actor.
pub const ACTOR_REPLICAS: Metric = gauge("lattice.actor.replicas", "Replicas of an actor on this host.");
/// Calls an actor serves.
pub const ACTOR_IN_FLIGHT: Metric = gauge("lattice.actor.in_flight", "Calls that an actor serves now.");
/// Calls that wait for an actor.
pub const ACTOR_WAITING: Metric = gauge("lattice.actor.waiting", "Calls that wait for an actor.");
/// Calls an actor can serve.
pub const ACTOR_CAPACITY: Metric = gauge("lattice.actor.capacity", "Calls that an actor can serve at a time.");
/// Calls an actor was given.
pub const ACTOR_CALLS: Metric = counter("lattice.actor.calls", "Calls that an actor was given.");
/// Calls an actor failed.
pub const ACTOR_FAULTS: Metric = counter("lattice.actor.faults", "Calls to an actor that ended in a fault.");
/// Calls an actor had no room for.
pub const ACTOR_OVERLOADS: Metric = counter(
    "lattice.actor.overloads",
    "Calls that were turned away because an actor served and queued as many as it may.",
);
/// Instances of an actor.
pub const ACTOR_INSTANCES: Metric = counter("lattice.actor.instances", "Instances that were made of an actor.");
/// Stateful actors that are awake.
pub const STATEFUL_LIVE: Metric = gauge("lattice.stateful.live", "Stateful actors that are awake.");
/// Their memory.
pub const STATEFUL_MEMORY: Metric = bytes(
    "lattice.stateful.memory",
    "Linear memory of stateful actors that are awake.",
);
/// The most of it.
pub const STATEFUL_MEMORY_MAX: Metric = bytes(
    "lattice.stateful.memory.limit",
    "Linear memory that stateful actors may have together.",
);
/// Where components came from.
pub const COMPONENT_LOADS: Metric = counter(
    "lattice.component.loads",
    "Components that were made ready: taken from memory or disk, or compiled.",
);
/// Time the compiler took.
pub const COMPILE_TIME: Metric = Metric {
    unit: MetricUnit::Seconds,
    ..counter("lattice.component.compile.time", "Time that the compiler took.")
};
/// Whether the controller of this host leads.
pub const CONTROLLER_LEADS: Metric = gauge("lattice.controller.leads", "1 while the controller of this host leads.");
/// What the leader has to see to.
pub const CONTROLLER_APPS: Metric = gauge(
    "lattice.controller.apps",
    "Applications by how far they are, told by the controller that leads.",
);
/// Memory of the process.
pub const PROCESS_MEMORY: Metric = bytes("process.memory.usage", "Resident memory of this process.");

/// All of them.
pub const ALL: &[Metric] = &[
    CALL_DURATION,
    MOVE_PHASE_DURATION,
    MOVE_PAUSE,
    MOVES,
    LINK_VERIFICATIONS,
    LINKS,
    NATS_CONNECTED,
    NATS_RECONNECTS,
    NATS_ROUND_TRIP,
    NATS_REQUESTS,
    NATS_DROPPED,
    FRAMES_REFUSED,
    MEMBERS,
    EVENTS_WAITING,
    ACTOR_REPLICAS,
    ACTOR_IN_FLIGHT,
    ACTOR_WAITING,
    ACTOR_CAPACITY,
    ACTOR_CALLS,
    ACTOR_FAULTS,
    ACTOR_OVERLOADS,
    ACTOR_INSTANCES,
    STATEFUL_LIVE,
    STATEFUL_MEMORY,
    STATEFUL_MEMORY_MAX,
    COMPONENT_LOADS,
    COMPILE_TIME,
    CONTROLLER_LEADS,
    CONTROLLER_APPS,
    PROCESS_MEMORY,
];

impl Metric {
    /// Its name for Prometheus. A histogram has it with `_bucket`, `_sum` and `_count`.
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        name.push_str(match self.unit {
            MetricUnit::Count => "",
            MetricUnit::Bytes => "_bytes",
            MetricUnit::Seconds => "_seconds",
        });
        if self.kind == MetricKind::Counter {
            name.push_str("_total");
        }
        name
    }
}

impl MetricUnit {
    /// Its code, as OpenTelemetry has it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "By",
            Self::Seconds => "s",
        }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

const fn counter(name: &'static str, about: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Counter,
        unit: MetricUnit::Count,
        about,
    }
}

const fn gauge(name: &'static str, about: &'static str) -> Metric {
    Metric {
        kind: MetricKind::Gauge,
        ..counter(name, about)
    }
}

const fn bytes(name: &'static str, about: &'static str) -> Metric {
    Metric {
        unit: MetricUnit::Bytes,
        ..gauge(name, about)
    }
}

const fn histogram(name: &'static str, about: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Histogram,
        unit: MetricUnit::Seconds,
        about,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names in a text that begin like ours.
    fn mentioned(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with("lattice_") || word.starts_with("process_memory"))
            .collect()
    }

    fn known() -> BTreeSet<String> {
        let histogram = |metric: &Metric| metric.kind == MetricKind::Histogram;
        let parts = |metric: &Metric| ["_bucket", "_sum", "_count"].map(|part| metric.prometheus_name() + part);
        let names = ALL
            .iter()
            .filter(|metric| !histogram(metric))
            .map(Metric::prometheus_name);
        names
            .chain(ALL.iter().filter(|metric| histogram(metric)).flat_map(parts))
            .collect()
    }

    #[test]
    fn the_dashboard_asks_for_what_there_is() {
        let known = known();
        let dashboard = include_str!("../../../deploy/observe/grafana/lattice.json");
        let asked = mentioned(dashboard);
        assert!(asked.len() > 15, "{asked:?}");
        for name in asked {
            assert!(
                known.contains(name),
                "the dashboard asks for {name}, which there is not"
            );
        }
    }

    #[test]
    fn the_documentation_lists_every_metric_and_no_other() {
        let documentation = include_str!("../../../docs/observability.md");
        let told = mentioned(documentation);
        let names: BTreeSet<String> = ALL.iter().map(Metric::prometheus_name).collect();
        for name in &names {
            assert!(
                told.contains(name.as_str()),
                "docs/observability.md does not list {name}"
            );
        }
        for name in told {
            assert!(
                names.contains(name) || known().contains(name),
                "docs/observability.md lists {name}, which there is not"
            );
        }
    }
}
