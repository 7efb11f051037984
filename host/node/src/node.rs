//! A host, from start to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lattice_bus::{Bus, Service, ServiceDescription};
use lattice_control::{ControlServer, ServerConfig};
use lattice_controller::Controller;
use lattice_core::presence::MemberState;
use lattice_core::{Incarnation, MemberId, Trust};
use lattice_engine::{Engine, EngineError};
use lattice_mesh::{Departure, JoinError, Member, MemberConfig};
use nkeys::KeyPair;
use serde_json::json;
use tracing::{debug, info, warn};

use crate::artifacts::{Artifacts, keep_small, tend_signatures};
use crate::config::NodeConfig;
use crate::control::NodeHandler;
use crate::events::names;
use crate::orders::Orders;
use crate::pulse::Pulse;
use crate::receiver::NodeReceiver;
use crate::restore::restore;
use crate::secrets::Secrets;
use crate::shared::{Parts, Shared};
use crate::tasks::Tasks;

/// How long the answers to commands may take to leave when the host stops.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a first start waits for the lattice's links. Without JetStream a host starts with those on its disk.
const LINKS_PATIENCE: Duration = Duration::from_secs(3);

/// One host of a lattice.
///
/// It owns every task it starts. [`Node::stop`] ends them in order; dropping it ends them at once, as a crash would.
pub struct Node {
    shared: Arc<Shared>,
    control: Option<ControlServer>,
    _service: Option<Service>,
}

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The engine does not work on this machine.
    #[error("the engine does not start")]
    Engine(#[from] EngineError),
    /// It is not a member of the lattice.
    #[error("this host cannot join the lattice")]
    Join(#[from] JoinError),
    /// Its folder cannot be used.
    #[error("the data folder cannot be used")]
    Folder(#[source] io::Error),
    /// Its key cannot be used.
    #[error("the host's key cannot be used: {0}")]
    Key(String),
    /// NATS does not take its subscriptions.
    #[error("this host cannot hear commands")]
    Control(#[from] lattice_bus::SubscribeError),
}

/// How a host stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Calls that were still in flight at the end of the grace period, and were cut off.
    pub cut_off: usize,
}

impl Node {
    /// Joins the lattice and serves. When this returns, the others know this host as ready.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. NATS being away is none once `bus` is connected: it comes back, and so does this host.
    pub async fn start(config: NodeConfig, bus: Bus) -> Result<Self, StartError> {
        let engine = Engine::new(&config.engine)?;
        let tasks = Tasks::default();
        let (blobs, statements) = (config.blobs_folder(), config.statements());
        let artifacts = Artifacts::open(
            blobs,
            statements,
            bus.clone(),
            &config.lattice,
            config.registries,
            config.blobs,
            tasks.clone(),
        )
        .map_err(StartError::Folder)?;
        let seed = config.key.seed().map_err(|error| StartError::Key(error.to_string()))?;
        let key = KeyPair::from_seed(&seed).map_err(|error| StartError::Key(error.to_string()))?;
        let mut member_config = MemberConfig::new(
            config.lattice.clone(),
            config.key,
            config.token,
            config.data_dir.join("mesh"),
        );
        member_config.trusted_operators = config.trusted_operators;
        member_config.bundle = config.bundle;
        member_config.name = config.name;
        member_config.version = env!("CARGO_PKG_VERSION").to_owned();
        member_config.labels = config.labels.clone();
        member_config.site = config.site.clone();
        member_config.heartbeat = config.heartbeat;
        member_config.lost_after = config.lost_after;
        member_config.tracer = config.tracer.clone();
        let instruments = config.instruments.with_traffic();
        member_config.instruments = instruments.clone();
        let member = Member::join(member_config, bus.clone()).await?;

        let orders = Arc::new(Orders::load(&config.data_dir));
        let events = member.events().clone();
        let shared = Shared::new(Parts {
            member: Arc::clone(&member),
            bus: bus.clone(),
            engine,
            artifacts,
            events,
            tasks,
            tracer: config.tracer,
            instruments,
            recent: config.recent,
            grace: config.grace,
            data_dir: config.data_dir,
            own_labels: config.labels,
            site: config.site,
            orders,
            secrets: Secrets::new(config.secrets),
            replicas_max: config.replicas_max,
            stateful_memory_max: config.stateful_memory_max,
        });
        shared.orders.keep(&shared.tasks);
        if tokio::time::timeout(LINKS_PATIENCE, member.links().caught_up())
            .await
            .is_err()
        {
            warn!("the lattice's links cannot be read now; going on with those on disk");
        }
        member.serve(Arc::new(NodeReceiver::new(&shared)));
        let control = serve_commands(&shared, key).await?;
        let service = list_as_service(&shared).await;
        // A host that says it is ready must not miss the first command: the server has to have its subscriptions by then.
        if let Err(error) = shared.bus.round_trip(LINKS_PATIENCE).await {
            warn!(%error, "NATS does not answer now; commands will be heard when it does");
        }
        member.announce(|presence| presence.state = MemberState::Ready).await;
        info!(host = %member.id(), lattice = %config.lattice, engine = %shared.engine.profile().profile, "host serves");
        shared.events.tell(
            names::HOST_STARTED,
            None,
            json!({ "version": env!("CARGO_PKG_VERSION") }),
        );
        shared
            .tasks
            .spawn("run again what ran before", restore(Arc::clone(&shared)));
        shared.tasks.spawn(
            "keep the components on disk within bounds",
            keep_small(Arc::clone(&shared)),
        );
        shared
            .tasks
            .spawn("keep the signatures of what runs", tend_signatures(Arc::clone(&shared)));
        if let Some(mut settings) = config.controller {
            settings.tracer = shared.tracer.clone();
            let controller = Controller::start(Arc::clone(&member), settings);
            // Set once, here.
            let _ = shared.controller.set(controller);
        }
        Ok(Self {
            shared,
            control: Some(control),
            _service: service,
        })
    }

    /// The host's key.
    pub fn id(&self) -> &MemberId {
        self.shared.member.id()
    }

    /// Which run of the host this is.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.member.incarnation()
    }

    /// The host as a member of its lattice.
    pub fn member(&self) -> &Arc<Member> {
        &self.shared.member
    }

    /// What tells whether this host works, for whoever watches over the process.
    pub fn pulse(&self) -> Pulse {
        Pulse::of(Arc::downgrade(&self.shared))
    }

    /// Returns when a command has ended this host; [`Node::stop`] is what remains to be done. Never, if none does.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ended(&self) {
        // The sender lives in `self`, so that this cannot fail.
        let _ = self.shared.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Stops leading, and standing by to lead, for the rest of this run.
    pub async fn stop_leading(&self) {
        if let Some(controller) = self.shared.controller.get() {
            controller.stop().await;
        }
    }

    /// Takes nothing new, finishes what is in flight within `grace`, leaves the lattice. The bus stays open.
    pub async fn stop(mut self, grace: Duration) -> Stopped {
        let mut cut_off = self.shared.drain(grace, None).await;
        if let Some(control) = self.control.take()
            && !control.shutdown(LAST_WORDS).await
        {
            debug!("commands were still at work when the host stopped");
        }
        self.shared
            .events
            .tell(names::HOST_STOPPED, None, json!({ "cut_off": cut_off }));
        // Nothing runs any more; what is left is the tails of answers on their way to other members.
        if let Departure::CutShort(count) = self.shared.member.leave(LAST_WORDS).await {
            cut_off = cut_off.max(count);
        }
        self.shared.let_go();
        self.shared.tasks.abort();
        if !self.shared.tasks.drain(LAST_WORDS).await {
            warn!(
                tasks = self.shared.tasks.running(),
                "tasks of this host did not end in time"
            );
        }
        Stopped { cut_off }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.let_go();
        self.shared.tasks.abort();
    }
}

async fn serve_commands(shared: &Arc<Shared>, key: KeyPair) -> Result<ControlServer, StartError> {
    let member = Arc::clone(&shared.member);
    let config = ServerConfig {
        lattice: member.lattice().clone(),
        member: member.id().clone(),
        incarnation: member.incarnation(),
        key: Arc::new(key),
    };
    let trust = Arc::clone(member.trust());
    let trust = move || -> Arc<Trust> { trust.current() };
    let handler = Arc::new(NodeHandler::new(Arc::clone(shared)));
    Ok(ControlServer::start(config, shared.bus.clone(), Arc::new(trust), handler).await?)
}

/// Lists this host for `nats micro ls`. Nice to have: nothing hangs on it.
async fn list_as_service(shared: &Shared) -> Option<Service> {
    let member = &shared.member;
    let facts = [
        ("lattice", member.lattice().to_string()),
        ("host", member.id().to_string()),
    ];
    let description = ServiceDescription {
        name: "lattice-host".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: format!("a host of the lattice `{}`", member.lattice()),
        metadata: facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    match shared.bus.service(description).await {
        Ok(service) => Some(service),
        Err(error) => {
            debug!(%error, "not listed as a NATS service");
            None
        }
    }
}
