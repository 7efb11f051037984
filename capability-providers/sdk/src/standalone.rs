//! A provider as a process of its own: a member of the lattice that runs one provider and nothing else.
//!
//! [`run`] is the whole `main` of such a process. [`Standalone`] is what it starts, for tests and for programs that read their
//! settings in another way.

mod args;
mod control;
mod links;
mod main;
mod settings;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lattice_bus::{Bus, SubscribeError};
use lattice_control::{ControlServer, ServerConfig};
use lattice_core::presence::{MemberState, ProviderPlacement};
use lattice_core::{Fault, Party, ProviderSpec};
use lattice_mesh::{Departure, IncomingCall, JoinError, Member, MemberConfig, Receiver, Reply};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

pub use main::run;

use crate::remote::{RemoteInvoker, dispatch};
use crate::{Provider, ProviderSetup, ShutdownReport, StartError};
use control::{ProviderControl, Told};
use links::LinkKeeper;

/// How long a start waits for the lattice's links; those on disk have to do then.
const LINKS_PATIENCE: Duration = Duration::from_secs(5);
/// How long commands may still be answered while the process ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A provider that runs as a member by itself.
pub struct Standalone {
    member: Arc<Member>,
    provider: Arc<dyn Provider>,
    control: ControlServer,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Says why a provider does not run.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// The lattice does not take this process as a member.
    #[error("cannot join the lattice")]
    Join(#[from] JoinError),
    /// The provider itself does not start.
    #[error("the provider does not start")]
    Start(#[from] StartError),
    /// NATS does not take our subscriptions.
    #[error("cannot listen for commands")]
    Control(#[from] SubscribeError),
    /// The key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
}

impl Standalone {
    /// Joins the lattice, builds the provider, brings it its links and serves. When this returns, the others know it as ready.
    ///
    /// # Errors
    ///
    /// See [`StandaloneError`].
    pub async fn start<F>(
        spec: ProviderSpec,
        mut config: MemberConfig,
        bus: Bus,
        build: impl FnOnce(ProviderSetup) -> F,
    ) -> Result<Self, StandaloneError>
    where
        F: Future<Output = Result<Arc<dyn Provider>, StartError>>,
    {
        let key = copy(&config.key)?;
        config.name = spec.name.to_string();
        let tracer = config.tracer.clone();
        let recent = tracer.recent();
        config.instruments = config.instruments.with_traffic();
        let told = Told {
            recent,
            instruments: config.instruments.clone(),
        };
        let member = Member::join(config, bus.clone()).await?;
        let setup = ProviderSetup {
            name: spec.name.clone(),
            config: spec.config.clone(),
            invoker: Arc::new(RemoteInvoker::new(Arc::clone(&member), spec.name.clone())),
            bus: bus.clone(),
            tracer,
        };
        let provider = match build(setup).await {
            Ok(provider) => provider,
            Err(error) => {
                // Said in so many words, or the others would wait for it until it counts as lost.
                member.leave(Duration::ZERO).await;
                return Err(error.into());
            }
        };
        if tokio::time::timeout(LINKS_PATIENCE, member.links().caught_up())
            .await
            .is_err()
        {
            warn!("the lattice's links cannot be read now; going on with those on disk");
        }
        let party = Party::Provider(spec.name.clone());
        let mut keeper = LinkKeeper::new(Arc::clone(&member), Arc::clone(&provider), party.clone());
        keeper.reconcile().await;
        let bound = keeper.bound();

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let stopping = stop.clone();
        tasks.spawn(async move {
            stopping.run_until_cancelled(keeper.run()).await;
        });
        member.serve(Arc::new(ProviderReceiver {
            provider: Arc::clone(&provider),
            party,
        }));
        let answering = ProviderControl::new(Arc::clone(&member), Arc::clone(&provider), spec.clone(), bound, told);
        let control = serve_commands(&member, answering, key, bus).await?;
        let placement = ProviderPlacement {
            name: spec.name.clone(),
            kind: spec.kind.clone(),
            fingerprint: None,
            managed: false,
        };
        member
            .announce(|presence| {
                presence.providers = vec![placement];
                presence.state = MemberState::Ready;
            })
            .await;
        info!(provider = %spec.name, kind = %spec.kind, member = %member.id(), "provider serves");
        Ok(Self {
            member,
            provider,
            control,
            tasks,
            stop,
        })
    }

    /// Returns this process as a member of the lattice.
    #[must_use]
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Takes nothing new, finishes what is in flight within `grace`, leaves the lattice. Returns how much was cut off.
    pub async fn stop(self, grace: Duration) -> usize {
        let due = tokio::time::Instant::now() + grace;
        self.member
            .announce(|presence| presence.state = MemberState::Draining)
            .await;
        // Work that the provider hands to actors needs the member, so it ends first; work of actors needs the provider.
        let drives = !self.provider.drives().is_empty();
        let mut cut_off = if drives { self.shut_provider_down(due).await } else { 0 };
        let departure = self
            .member
            .leave(due.saturating_duration_since(tokio::time::Instant::now()))
            .await;
        if let Departure::CutShort(count) = departure {
            cut_off += count;
        }
        if !drives {
            cut_off += self.shut_provider_down(due).await;
        }
        self.control.shutdown(LAST_WORDS).await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        cut_off
    }

    async fn shut_provider_down(&self, due: tokio::time::Instant) -> usize {
        match self
            .provider
            .shutdown(due.saturating_duration_since(tokio::time::Instant::now()))
            .await
        {
            ShutdownReport::Drained => 0,
            ShutdownReport::Aborted(count) => count,
        }
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve_commands(
    member: &Arc<Member>,
    control: ProviderControl,
    key: nkeys::KeyPair,
    bus: Bus,
) -> Result<ControlServer, SubscribeError> {
    let config = ServerConfig {
        lattice: member.lattice().clone(),
        member: member.id().clone(),
        incarnation: member.incarnation(),
        key: Arc::new(key),
    };
    let trust = Arc::clone(member.trust());
    let trust = move || trust.current();
    ControlServer::start(config, bus, Arc::new(trust), Arc::new(control)).await
}

/// A key pair has no `Clone`, so that copying a secret is a decision.
fn copy(key: &nkeys::KeyPair) -> Result<nkeys::KeyPair, StandaloneError> {
    let failed = |error: nkeys::error::Error| StandaloneError::Key(error.to_string());
    nkeys::KeyPair::from_seed(&key.seed().map_err(failed)?).map_err(failed)
}

/// Runs the calls of others on the one provider there is.
struct ProviderReceiver {
    provider: Arc<dyn Provider>,
    party: Party,
}

#[async_trait]
impl Receiver for ProviderReceiver {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        if call.target != self.party {
            return Err(Fault::not_here(
                format!("{} does not run here, only {}", call.target, self.party),
                None,
            ));
        }
        dispatch(&*self.provider, call).await
    }
}
