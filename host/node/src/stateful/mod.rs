//! The stateful actors of this host: the engine's live instances behind the runtime that says when what they do counts.

mod evacuate;
mod instance;
mod kind;
mod neighbours;
mod orders;
mod peers;
mod timing;
mod wire;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use lattice_control::{ControlError, ErrorKind};
use lattice_core::{ActorName, Fault, KeyedActor, SiteName};
use lattice_mesh::{IncomingAsk, IncomingCall, Reply};
use lattice_stateful::{Question, Runtime, RuntimeConfig, Timing};
use parking_lot::RwLock;
use tokio::sync::OnceCell;

pub(crate) use kind::EngineKind;
use neighbours::HostNeighbours;
pub(crate) use peers::{PeerMessage, ask_peer, peer_interface, peer_link, target_of};
pub(crate) use wire::PEER_FUNCTION;

use crate::chain::chain;
use crate::shared::Shared;

/// The longest body of a call to a stateful actor: it is held in memory, since it may have to be made again.
pub(crate) const BODY_MAX: usize = 64 << 20;
/// How long actors whose records are elsewhere from now on may take to come to rest.
const REHOMED_WITHIN: Duration = Duration::from_secs(10);

/// The runtimes of this host: one for actors whose records are in the hub, and one for those whose records are at this host's own site. Each
/// begins with its first actor, since it takes a JetStream that can be reached.
#[derive(Default)]
pub(crate) struct Stateful {
    hub: OnceCell<Runtime>,
    site: OnceCell<Runtime>,
    /// The actors whose records are at the site.
    at_site: RwLock<HashSet<ActorName>>,
}

impl Stateful {
    /// The runtimes there are.
    pub(crate) fn runtimes(&self) -> impl Iterator<Item = &Runtime> {
        self.hub.get().into_iter().chain(self.site.get())
    }

    /// The runtime that keeps actors of this name, if there has been one of them.
    pub(crate) fn runtime(&self, name: &ActorName) -> Option<&Runtime> {
        let at_site = self.at_site.read().contains(name);
        if at_site { self.site.get() } else { self.hub.get() }
    }

    /// Makes ready to keep this actor, which takes the JetStream with its records.
    pub(crate) async fn open(&self, shared: &Arc<Shared>, kind: &EngineKind) -> Result<(), ControlError> {
        let (cell, site) = match kind.home() {
            None => (&self.hub, None),
            Some(home) if shared.site.as_ref() == Some(home) => (&self.site, Some(home)),
            Some(home) => return Err(not_of_site(kind.name(), home)),
        };
        let opened = cell.get_or_try_init(|| start(shared, site)).await;
        opened.map(drop).map_err(|error| {
            let message = format!("stateful actors cannot be kept without JetStream: {}", chain(&error));
            ControlError::new(ErrorKind::Unreachable, message).with_help("`lattice doctor` tells how JetStream is")
        })
    }

    /// Keeps actors of this kind from now on. Those that live in a former component go on in it if they will.
    pub(crate) async fn host(&self, kind: &Arc<EngineKind>) {
        let moved = match kind.home() {
            Some(_) => self.at_site.write().insert(kind.name().clone()),
            None => self.at_site.write().remove(kind.name()),
        };
        if moved
            && let Some(former) = if kind.home().is_some() {
                self.hub.get()
            } else {
                self.site.get()
            }
        {
            former.unhost(kind.name(), REHOMED_WITHIN).await;
        }
        let Some(runtime) = self.runtime(kind.name()) else {
            return;
        };
        if runtime.host(kind.name().clone(), Arc::clone(kind) as _).is_some() {
            runtime.upgrade(kind.name()).await;
        }
    }

    /// Keeps actors of this name no more, once those that live have come to rest.
    pub(crate) async fn unhost(&self, name: &ActorName, grace: Duration) {
        if let Some(runtime) = self.runtime(name) {
            runtime.unhost(name, grace).await;
        }
    }

    /// Puts everything to rest.
    pub(crate) async fn stop(&self, grace: Duration) {
        futures::future::join_all(self.runtimes().map(|runtime| runtime.stop(grace))).await;
    }

    /// Lets go of everything at once.
    pub(crate) fn let_go(&self) {
        self.runtimes().for_each(Runtime::abort);
    }

    /// Serves a call of another member, or of this one.
    pub(crate) async fn deliver(&self, shared: &Shared, call: IncomingCall) -> Result<Reply, Fault> {
        let name = call.target.as_actor().cloned();
        let Some((runtime, name)) = name.and_then(|name| Some((self.runtime(&name)?, name))) else {
            let fault = format!("{} does not run on {}", call.target, shared.member.id());
            return Err(Fault::not_here(fault, None));
        };
        let call = wire::take_in(call).await?;
        let actor = KeyedActor::new(name, call.address.key.clone());
        let answer = runtime.deliver(actor, call).await?;
        Ok(Reply {
            head: answer.head,
            body: answer.body.into(),
        })
    }

    /// Answers another host.
    pub(crate) async fn answer(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        let unknown = || {
            Fault::new(
                lattice_core::FaultKind::NotFound,
                format!("nothing here answers `{}`", ask.verb),
            )
        };
        let question = Question::from_verb(ask.verb.as_str()).ok_or_else(unknown)?;
        let body = ask.body.collect(BODY_MAX).await?;
        let actor = Question::about(&body).ok_or_else(unknown)?;
        let runtime = self.runtime(&actor.name).ok_or_else(unknown)?;
        let answer = runtime.answer(question, &body).await?;
        Ok(Reply {
            head: answer,
            ..Reply::default()
        })
    }
}

async fn start(shared: &Arc<Shared>, site: Option<&SiteName>) -> Result<Runtime, lattice_bus::StateError> {
    // Two runtimes share what one would have alone.
    let homes = if shared.site.is_some() { 2 } else { 1 };
    Runtime::start(RuntimeConfig {
        me: shared.member.id().clone(),
        lattice: shared.member.lattice().clone(),
        bus: shared.bus.clone(),
        site: site.cloned(),
        neighbours: Arc::new(HostNeighbours::new(shared)),
        timing: Timing::default(),
        memory_max: shared.stateful_memory_max / homes,
        tracer: shared.tracer.clone(),
    })
    .await
}

/// An actor's records are where only hosts of its site write them: so no two hosts look for them in different places.
fn not_of_site(actor: &ActorName, home: &SiteName) -> ControlError {
    let message = format!("the state of `{actor}` is at the site `{home}`, and this host is not of that site");
    ControlError::invalid(message).with_help(format!(
        "start hosts there with `--site {home}`; or keep its state in the hub, with `onPartition: failover`"
    ))
}
