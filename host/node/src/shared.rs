//! What everything on one node shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lattice_bus::Bus;
use lattice_core::presence::MemberState;
use lattice_core::{Labels, Presence};
use lattice_engine::Engine;
use lattice_mesh::Member;
use tokio::sync::{OnceCell, watch};
use tracing::{info, warn};

use crate::actors::Actors;
use crate::artifacts::Artifacts;
use crate::events::{Events, names};
use crate::ids::InvocationIds;
use crate::invoke::Spills;
use crate::machine::Machine;
use crate::meter::Meters;
use crate::providers::Providers;
use crate::tasks::Tasks;

/// How often a host that drains looks whether its actors have come to rest.
const IDLE_CHECK: Duration = Duration::from_millis(20);

/// The parts of one node, held by whatever runs on it.
pub(crate) struct Shared {
    pub(crate) member: Arc<Member>,
    pub(crate) bus: Bus,
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    pub(crate) actors: Actors,
    pub(crate) providers: Providers,
    pub(crate) meters: Meters,
    pub(crate) spills: Spills,
    pub(crate) invocations: InvocationIds,
    pub(crate) machine: Machine,
    pub(crate) events: Events,
    pub(crate) tasks: Tasks,
    /// How long a replaced actor may take to finish what it has.
    pub(crate) grace: Duration,
    pub(crate) data_dir: std::path::PathBuf,
    /// What the host said of its machine when it started.
    pub(crate) own_labels: Labels,
    draining: AtomicBool,
    /// How many calls a drain cut off, once it is over.
    drained: OnceCell<usize>,
    /// Turns true when a command has ended this host.
    pub(crate) ended: watch::Sender<bool>,
}

/// What a [`Shared`] is made of.
pub(crate) struct Parts {
    pub(crate) member: Arc<Member>,
    pub(crate) bus: Bus,
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    pub(crate) events: Events,
    pub(crate) tasks: Tasks,
    pub(crate) grace: Duration,
    pub(crate) data_dir: std::path::PathBuf,
    pub(crate) own_labels: Labels,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let shared = Arc::new(Self {
            member: parts.member,
            bus: parts.bus,
            engine: parts.engine,
            artifacts: parts.artifacts,
            actors: Actors::default(),
            providers: Providers::default(),
            meters: Meters::default(),
            spills: Spills::default(),
            invocations: InvocationIds::new(),
            machine: Machine::new(),
            events: parts.events,
            tasks: parts.tasks,
            grace: parts.grace,
            data_dir: parts.data_dir,
            own_labels: parts.own_labels,
            draining: AtomicBool::new(false),
            drained: OnceCell::new(),
            ended: watch::Sender::new(false),
        });
        // The member outlives nothing of ours: a strong handle in it would keep the two alive for ever.
        let weak = Arc::downgrade(&shared);
        shared.member.set_vitals(move |presence| {
            if let Some(shared) = weak.upgrade() {
                shared.fill_in(presence);
            }
        });
        shared
    }

    /// The labels of this host as they count: what its token grants, and what it says of its machine.
    pub(crate) fn labels(&self) -> Labels {
        let me = self.member.directory().get(self.member.id());
        me.map_or_else(|| self.own_labels.clone(), |me| me.labels.clone())
    }

    /// Says at once what runs here, and returns when the server has it: whoever is told of it next by us, or by whoever waits for
    /// us, has heard it by then.
    pub(crate) async fn tell_others(&self) {
        self.member.announce(|_| ()).await;
        if self.bus.is_connected()
            && let Err(error) = self.bus.round_trip(Duration::from_secs(2)).await
        {
            warn!(%error, "the others may not have been told yet what runs here");
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Takes nothing new, finishes what it has within `grace`, cuts off the rest. Returns how many calls were cut off. Whoever
    /// asks while another does waits for the same drain, by the other's grace.
    pub(crate) async fn drain(&self, grace: Duration) -> usize {
        *self.drained.get_or_init(|| self.drain_once(grace)).await
    }

    async fn drain_once(&self, grace: Duration) -> usize {
        self.draining.store(true, Ordering::Release);
        info!(grace = ?grace, in_flight = self.actors.in_flight(), "draining");
        self.events.tell(names::HOST_DRAINING, None, serde_json::Value::Null);
        let until = Instant::now() + grace;
        for provider in self.providers.all() {
            provider.set_leaving();
        }
        let actors = self.actors.all();
        for actor in &actors {
            actor.set_leaving();
        }
        self.member
            .announce(|presence| presence.state = MemberState::Draining)
            .await;
        if self.bus.is_connected() {
            // A server that does not answer is no reason not to drain.
            let _ = self.bus.round_trip(Duration::from_secs(2)).await;
        }
        // Providers that drive actors first: they are where new work comes from, and what they have in flight needs the actors.
        let left = || until.saturating_duration_since(Instant::now());
        let providers = self.providers.all();
        let drivers = providers.iter().filter(|provider| provider.drives_actors());
        let cut_off_outside: usize = futures::future::join_all(drivers.map(|provider| provider.end(left())))
            .await
            .into_iter()
            .sum();
        // The gates stay open meanwhile: nothing comes from outside any more, and what is in flight may call its neighbours.
        while actors.iter().any(|actor| !actor.is_idle()) && !left().is_zero() {
            tokio::time::sleep(IDLE_CHECK.min(left())).await;
        }
        let drained = futures::future::join_all(actors.iter().map(|actor| actor.drain(Duration::ZERO))).await;
        let cut_off: usize = drained.iter().map(|drained| drained.cancelled).sum();
        // The others last: actors that finish may still need their stores.
        futures::future::join_all(
            providers
                .iter()
                .filter(|provider| !provider.drives_actors())
                .map(|provider| provider.end(left())),
        )
        .await;
        info!(cut_off, "drained");
        cut_off.max(cut_off_outside)
    }

    /// Lets go of everything that holds this in turn.
    pub(crate) fn let_go(&self) {
        self.actors.clear();
        self.providers.clear();
    }

    fn fill_in(&self, presence: &mut Presence) {
        presence.actors = self.actors.placements();
        presence.providers = self.providers.placements();
        presence.load = self.machine.load(self.actors.in_flight());
    }
}
