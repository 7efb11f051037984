//! What this host is like now, read whenever somebody looks at its metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lattice_bus::{Bus, ConnectionState};
use lattice_control::reconcile::AppPhase;
use lattice_engine::ActorStats;
use lattice_stateful::Runtime;
use lattice_telemetry::metric::{self, Metric};
use lattice_telemetry::{Instruments, Reading, Seen};
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;

/// How often the way to NATS is measured.
const ROUND_TRIP_EVERY: Duration = Duration::from_secs(15);
/// A round trip that takes longer is none.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(5);

/// Has everything read that this host is asked about, for as long as it lives.
pub(crate) fn show(shared: &Arc<Shared>) {
    if !shared.instruments.is_on() {
        return;
    }
    let host = Watched {
        instruments: shared.instruments.clone(),
        shared: Arc::downgrade(shared),
    };
    host.actors();
    host.stateful();
    host.components();
    host.connection();
    host.controller();
    host.look(&metric::PROCESS_MEMORY, |shared, seen| {
        seen.is(shared.machine.load(0).memory_bytes);
    });
    let watching = watch_connection(shared.bus.clone(), shared.instruments.clone(), shared.tasks.stopping());
    shared.tasks.spawn("watch the connection", watching);
}

/// A host that is read.
struct Watched {
    instruments: Instruments,
    /// The telemetry of a process may outlive its host.
    shared: Weak<Shared>,
}

impl Watched {
    fn look(&self, metric: &Metric, look: impl Fn(&Shared, &Seen<'_>) + Send + Sync + 'static) {
        let shared = self.shared.clone();
        self.instruments.watch(metric, move |seen| {
            if let Some(shared) = shared.upgrade() {
                look(&shared, seen);
            }
        });
    }

    fn of_actors(&self, metric: &Metric, read: fn(&OfActor) -> Reading) {
        self.look(metric, move |shared, seen| {
            seen.of_actors(actors(shared).into_iter().map(|(name, actor)| (name, read(&actor))));
        });
    }

    fn actors(&self) {
        self.of_actors(&metric::ACTOR_REPLICAS, |actor| actor.replicas.into());
        self.of_actors(&metric::ACTOR_IN_FLIGHT, |actor| actor.stats.in_flight.into());
        self.of_actors(&metric::ACTOR_WAITING, |actor| actor.stats.waiting.into());
        self.of_actors(&metric::ACTOR_CAPACITY, |actor| actor.stats.capacity.into());
        self.of_actors(&metric::ACTOR_CALLS, |actor| actor.stats.calls.into());
        self.of_actors(&metric::ACTOR_FAULTS, |actor| actor.stats.faults.into());
        self.of_actors(&metric::ACTOR_OVERLOADS, |actor| actor.stats.overloaded.into());
        self.of_actors(&metric::ACTOR_INSTANCES, |actor| actor.stats.instances.into());
    }

    fn stateful(&self) {
        self.look(&metric::STATEFUL_LIVE, |shared, seen| {
            seen.is(shared.stateful.runtimes().map(Runtime::live_count).sum::<usize>());
        });
        self.look(&metric::STATEFUL_MEMORY, |shared, seen| {
            seen.is(shared.stateful.runtimes().map(Runtime::memory_bytes).sum::<u64>());
        });
        self.look(&metric::STATEFUL_MEMORY_MAX, |shared, seen| {
            seen.is(shared.stateful_memory_max);
        });
    }

    fn components(&self) {
        self.look(&metric::COMPONENT_LOADS, |shared, seen| {
            let loads = shared.engine.loads();
            seen.of(metric::SOURCE, "memory", loads.from_memory);
            seen.of(metric::SOURCE, "disk", loads.from_disk);
            seen.of(metric::SOURCE, "signed", loads.signed);
            seen.of(metric::SOURCE, "compiler", loads.compiled);
        });
        self.look(&metric::COMPILE_TIME, |shared, seen| {
            seen.is(shared.engine.loads().compile_time);
        });
    }

    fn connection(&self) {
        self.look(&metric::NATS_CONNECTED, |shared, seen| {
            seen.is(shared.bus.is_connected());
        });
        self.look(&metric::NATS_REQUESTS, |shared, seen| {
            seen.is(shared.bus.requests_waiting());
        });
        self.look(&metric::NATS_DROPPED, |shared, seen| seen.is(shared.bus.dropped()));
        self.look(&metric::FRAMES_REFUSED, |shared, seen| {
            seen.is(shared.member.refused_frames());
        });
        self.look(&metric::EVENTS_WAITING, |shared, seen| seen.is(shared.events.waiting()));
        self.look(&metric::LINKS, |shared, seen| {
            seen.is(shared.member.links().current().all().count());
        });
        self.look(&metric::MEMBERS, |shared, seen| {
            seen.is(shared.member.directory().members().len());
        });
    }

    fn controller(&self) {
        self.look(&metric::CONTROLLER_LEADS, |shared, seen| {
            let controller = shared.controller.get();
            seen.is(controller.is_some_and(|controller| controller.progress(&[]).leads));
        });
        self.look(&metric::CONTROLLER_APPS, |shared, seen| {
            let Some(controller) = shared.controller.get() else {
                return;
            };
            let progress = controller.progress(&[]);
            if !progress.leads {
                return;
            }
            for (phase, name) in PHASES {
                let apps = progress.apps.iter().filter(|app| app.phase == phase).count();
                seen.of(metric::PHASE, name, apps);
            }
        });
    }
}

const PHASES: [(AppPhase, &str); 4] = [
    (AppPhase::Ready, "ready"),
    (AppPhase::Progressing, "progressing"),
    (AppPhase::Stuck, "stuck"),
    (AppPhase::Deleting, "deleting"),
];

/// One actor here, with its predecessor that finishes what it has.
#[derive(Default)]
struct OfActor {
    replicas: u32,
    stats: ActorStats,
}

fn actors(shared: &Shared) -> BTreeMap<String, OfActor> {
    let mut actors: BTreeMap<String, OfActor> = BTreeMap::new();
    for hosted in shared.actors.all() {
        let actor = actors.entry(hosted.spec.name.to_string()).or_default();
        if !hosted.is_leaving() {
            actor.replicas += hosted.replicas();
        }
        let (sum, more) = (&mut actor.stats, hosted.stats());
        sum.in_flight += more.in_flight;
        sum.waiting += more.waiting;
        sum.capacity += more.capacity;
        sum.calls += more.calls;
        sum.faults += more.faults;
        sum.overloaded += more.overloaded;
        sum.instances += more.instances;
    }
    actors
}

/// Counts connections after the first, and measures the way to the server now and then.
async fn watch_connection(bus: Bus, instruments: Instruments, stop: CancellationToken) {
    let mut states = bus.states();
    let mut session = session_of(*states.borrow_and_update());
    // A counter that is not there until it counts hides the first that it counts from whoever looks at its increase.
    instruments.reconnected(0);
    let mut due = tokio::time::interval(ROUND_TRIP_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => {
                let measured = stop.run_until_cancelled(bus.round_trip(ROUND_TRIP_MAX)).await;
                if let Some(Ok(took)) = measured {
                    instruments.round_trip(took);
                }
            }
            changed = states.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = session_of(*states.borrow_and_update());
                if let (Some(before), Some(now)) = (session, now) {
                    // Who slept through a short outage counts it all the same.
                    instruments.reconnected(now.saturating_sub(before));
                }
                session = now.or(session);
            }
        }
    }
}

fn session_of(state: ConnectionState) -> Option<u64> {
    match state {
        ConnectionState::Connected { session } => Some(session),
        _ => None,
    }
}
