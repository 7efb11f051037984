//! What everything on one node shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lattice_bus::Bus;
use lattice_controller::Controller;
use lattice_core::presence::{MemberState, Scheduling};
use lattice_core::{Labels, Presence, SiteName, TraceContext};
use lattice_engine::Engine;
use lattice_mesh::Member;
use lattice_telemetry::{Instruments, Recent, SpanKind, SpanRef, Status, Steps, Tracer};
use tokio::sync::{OnceCell, watch};
use tracing::{info, warn};

use crate::actors::Actors;
use crate::artifacts::Artifacts;
use crate::events::{Events, names};
use crate::failures::Failures;
use crate::gauges;
use crate::ids::InvocationIds;
use crate::invoke::Spills;
use crate::logs::Logs;
use crate::machine::Machine;
use crate::meter::Meters;
use crate::orders::Orders;
use crate::providers::Providers;
use crate::secrets::Secrets;
use crate::stateful::Stateful;
use crate::tasks::Tasks;

/// How often a host that drains looks whether its actors have come to rest.
const IDLE_CHECK: Duration = Duration::from_millis(20);

/// How long a host that leaves waits for the next of its actors to be taken over.
const EVACUATION_PATIENCE: Duration = Duration::from_secs(8);

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
    pub(crate) failures: Arc<Failures>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) tasks: Tasks,
    pub(crate) tracer: Tracer,
    pub(crate) instruments: Instruments,
    pub(crate) recent: Recent,
    /// How long a replaced actor may take to finish what it has.
    pub(crate) grace: Duration,
    pub(crate) data_dir: std::path::PathBuf,
    /// What the host said of its machine when it started.
    pub(crate) own_labels: Labels,
    /// The site this host is at, with a JetStream domain of its own.
    pub(crate) site: Option<SiteName>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) secrets: Secrets,
    pub(crate) replicas_max: Option<u32>,
    pub(crate) stateful: Stateful,
    /// The most linear memory of stateful actors that are awake, in bytes.
    pub(crate) stateful_memory_max: u64,
    /// This host's controller, if it may lead.
    pub(crate) controller: OnceLock<Controller>,
    /// Whether this host is on its way out and wants what it runs to go on elsewhere.
    evacuating: AtomicBool,
    draining: AtomicBool,
    /// Who ordered this host to stop, if that was a command.
    pub(crate) stopped_by: OnceLock<String>,
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
    pub(crate) tracer: Tracer,
    pub(crate) instruments: Instruments,
    pub(crate) recent: Recent,
    pub(crate) grace: Duration,
    pub(crate) data_dir: std::path::PathBuf,
    pub(crate) own_labels: Labels,
    /// The site this host is at, with a JetStream domain of its own.
    pub(crate) site: Option<SiteName>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) secrets: Secrets,
    pub(crate) replicas_max: Option<u32>,
    pub(crate) stateful_memory_max: u64,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let failures = Arc::new(Failures::new(parts.events.clone()));
        failures.keep_telling(&parts.tasks);
        let (lattice, me) = (parts.member.lattice().clone(), parts.member.id().clone());
        let logs = Logs::start(parts.bus.clone(), lattice, me, &parts.tasks);
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
            failures,
            logs,
            tasks: parts.tasks,
            tracer: parts.tracer,
            instruments: parts.instruments,
            recent: parts.recent,
            grace: parts.grace,
            data_dir: parts.data_dir,
            own_labels: parts.own_labels,
            site: parts.site,
            orders: parts.orders,
            secrets: parts.secrets,
            replicas_max: parts.replicas_max,
            stateful: Stateful::default(),
            stateful_memory_max: parts.stateful_memory_max,
            controller: OnceLock::new(),
            evacuating: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            stopped_by: OnceLock::new(),
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
        gauges::show(&shared);
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
    pub(crate) async fn drain(&self, grace: Duration, part_of: Option<&TraceContext>) -> usize {
        *self.drained.get_or_init(|| self.drain_once(grace, part_of)).await
    }

    async fn drain_once(&self, grace: Duration, part_of: Option<&TraceContext>) -> usize {
        // Rare, and always of interest: kept whatever the sampler says.
        let whole = self.tracer.always("drain", SpanKind::Internal, part_of);
        let steps = Steps::below(whole, &self.tracer);
        let until = Instant::now() + grace;
        // While it leads, it sees to that itself; then another shall lead at once.
        steps.step("drain place-elsewhere");
        self.evacuate(until - grace / 2).await;
        if let Some(controller) = self.controller.get() {
            controller.stop().await;
        }
        self.draining.store(true, Ordering::Release);
        info!(grace = ?grace, in_flight = self.actors.in_flight(), "draining");
        let draining = self.events.event(names::HOST_DRAINING);
        self.events.send(draining.by(self.stopped_by.get().cloned()));
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
        steps.step("drain doors");
        // Providers that drive actors first: they are where new work comes from, and what they have in flight needs the actors.
        let left = || until.saturating_duration_since(Instant::now());
        let providers = self.providers.all();
        let drivers = providers.iter().filter(|provider| provider.drives_actors());
        let cut_off_outside: usize = futures::future::join_all(drivers.map(|provider| provider.end(left())))
            .await
            .into_iter()
            .sum();
        // What has state takes it along while the others still hear us.
        steps.step("drain stateful");
        let step = steps.current();
        self.evacuate_stateful(None, until, step.as_ref().map(SpanRef::context))
            .await;
        steps.step("drain in-flight");
        // The gates stay open meanwhile: nothing comes from outside any more, and what is in flight may call its neighbours.
        while actors.iter().any(|actor| !actor.is_idle()) && !left().is_zero() {
            tokio::time::sleep(IDLE_CHECK.min(left())).await;
        }
        let drained = futures::future::join_all(actors.iter().map(|actor| actor.drain(Duration::ZERO))).await;
        let cut_off: usize = drained.iter().map(|drained| drained.cancelled).sum();
        steps.step("drain rest");
        self.stateful.stop(left()).await;
        // The others last: actors that finish may still need their stores.
        futures::future::join_all(
            providers
                .iter()
                .filter(|provider| !provider.drives_actors())
                .map(|provider| provider.end(left())),
        )
        .await;
        info!(cut_off, "drained");
        let cut_off = cut_off.max(cut_off_outside);
        let status = match cut_off {
            0 => Status::Ok,
            cut_off => Status::error("cut-off", format!("{cut_off} calls were not done in time")),
        };
        steps.end(status, Vec::new);
        cut_off
    }

    /// Waits for what applications run here to go on elsewhere, as long as there is an elsewhere and it gets less, until `until`.
    async fn evacuate(&self, until: Instant) {
        let managed = || {
            let actors = self.actors.all().into_iter().filter(|actor| actor.spec.app.is_some());
            let providers = self
                .providers
                .all()
                .into_iter()
                .filter(|provider| provider.spec.managed);
            actors.count() + providers.count()
        };
        let mut left = managed();
        if left == 0 || !self.is_there_an_elsewhere() {
            return;
        }
        info!(left, "waiting for other hosts to take over");
        self.evacuating.store(true, Ordering::Release);
        self.tell_others().await;
        let mut patience = Instant::now() + EVACUATION_PATIENCE;
        while left > 0 && Instant::now() < patience.min(until) && self.is_there_an_elsewhere() {
            tokio::time::sleep(IDLE_CHECK).await;
            let now = managed();
            if now < left {
                patience = Instant::now() + EVACUATION_PATIENCE;
            }
            left = now;
        }
        if left > 0 {
            warn!(left, "nobody has taken over what is left");
        }
    }

    fn is_there_an_elsewhere(&self) -> bool {
        let others = self.member.directory().hosts();
        self.bus.is_connected()
            && others.iter().any(|host| {
                let presence = &host.presence;
                host.id() != self.member.id()
                    && presence.state == MemberState::Ready
                    && presence.scheduling == Scheduling::Open
            })
    }

    /// Whether more may be placed here.
    pub(crate) fn scheduling(&self) -> Scheduling {
        match self.evacuating.load(Ordering::Acquire) {
            true => Scheduling::Evacuating,
            false => self.orders.scheduling(),
        }
    }

    /// Lets go of everything that holds this in turn.
    pub(crate) fn let_go(&self) {
        self.actors.clear();
        self.providers.clear();
        self.stateful.let_go();
    }

    fn fill_in(&self, presence: &mut Presence) {
        presence.actors = self.actors.placements();
        presence.providers = self.providers.placements();
        presence.scheduling = self.scheduling();
        presence.replicas_max = self.replicas_max;
        presence.load = self.machine.load(self.actors.in_flight());
    }
}
