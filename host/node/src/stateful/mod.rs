//! The stateful actors of this host: the engine's live instances behind the runtime that says when what they do counts.

mod evacuate;
mod instance;
mod kind;
mod neighbours;
mod orders;
mod peers;
mod timing;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use lattice_control::{ControlError, ErrorKind};
use lattice_core::{ActorName, Fault, KeyedActor};
use lattice_mesh::{IncomingAsk, IncomingCall, Reply};
use lattice_stateful::{Question, Runtime, RuntimeConfig, Timing};
use tokio::sync::OnceCell;

pub(crate) use kind::EngineKind;
use neighbours::HostNeighbours;
pub(crate) use peers::{PeerMessage, ask_peer, peer_interface, peer_link, target_of};
pub(crate) use wire::PEER_FUNCTION;

use crate::chain::chain;
use crate::shared::Shared;

/// The longest body of a call to a stateful actor: it is held in memory, since it may have to be made again.
pub(crate) const BODY_MAX: usize = 64 << 20;

/// The runtime of this host, once there is a stateful actor.
#[derive(Default)]
pub(crate) struct Stateful {
    runtime: OnceCell<Runtime>,
}

impl Stateful {
    /// The runtime, if there has been a stateful actor.
    pub(crate) fn runtime(&self) -> Option<&Runtime> {
        self.runtime.get()
    }

    /// Makes ready to keep stateful actors, which takes JetStream.
    pub(crate) async fn open(&self, shared: &Arc<Shared>) -> Result<(), ControlError> {
        let opened = self.runtime.get_or_try_init(|| start(shared)).await;
        opened.map(drop).map_err(|error| {
            let message = format!("stateful actors cannot be kept without JetStream: {}", chain(&error));
            ControlError::new(ErrorKind::Unreachable, message).with_help("`lattice doctor` tells how JetStream is")
        })
    }

    /// Keeps actors of this kind from now on. Those that live in a former component go on in it if they will.
    pub(crate) async fn host(&self, kind: &Arc<EngineKind>) {
        let Some(runtime) = self.runtime() else { return };
        if runtime.host(kind.name().clone(), Arc::clone(kind) as _).is_some() {
            runtime.upgrade(kind.name()).await;
        }
    }

    /// Keeps actors of this name no more, once those that live have come to rest.
    pub(crate) async fn unhost(&self, name: &ActorName, grace: Duration) {
        if let Some(runtime) = self.runtime() {
            runtime.unhost(name, grace).await;
        }
    }

    /// Puts everything to rest.
    pub(crate) async fn stop(&self, grace: Duration) {
        if let Some(runtime) = self.runtime() {
            runtime.stop(grace).await;
        }
    }

    /// Lets go of everything at once.
    pub(crate) fn let_go(&self) {
        if let Some(runtime) = self.runtime() {
            runtime.abort();
        }
    }

    /// Serves a call of another member, or of this one.
    pub(crate) async fn deliver(&self, shared: &Shared, call: IncomingCall) -> Result<Reply, Fault> {
        let (Some(runtime), Some(name)) = (self.runtime(), call.target.as_actor().cloned()) else {
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
        let runtime = self.runtime().ok_or_else(unknown)?;
        let body = ask.body.collect(BODY_MAX).await?;
        let answer = runtime.answer(question, &body).await?;
        Ok(Reply {
            head: answer,
            ..Reply::default()
        })
    }
}

async fn start(shared: &Arc<Shared>) -> Result<Runtime, lattice_bus::StateError> {
    Runtime::start(RuntimeConfig {
        me: shared.member.id().clone(),
        lattice: shared.member.lattice().clone(),
        bus: shared.bus.clone(),
        neighbours: Arc::new(HostNeighbours::new(shared)),
        timing: Timing::default(),
        memory_max: shared.stateful_memory_max,
        tracer: shared.tracer.clone(),
    })
    .await
}
