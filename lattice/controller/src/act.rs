//! Doing what was decided.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lattice_control::{
    ActorScale, ActorStart, ActorStop, CommandSigner, ControlClient, ControlError, ErrorKind, MemberSummary,
    ProviderStart, ProviderStop, PutApp,
    reconcile::{Action, Outcome},
};
use lattice_core::{HostId, MemberId, UnixSeconds, application::Revision};
use lattice_mesh::Member;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::apps::Apps;

/// Commands to one host at a time. More would only wait there, for the processor that compiles.
const AT_A_TIME: usize = 16;

/// How long a command that has nothing to wait for may take.
const PROMPT: Duration = Duration::from_secs(15);

/// Carries actions out, each in a task of its own.
pub(crate) struct Acting {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

struct Shared {
    client: ControlClient,
    member: Arc<Member>,
    signer: CommandSigner,
    places: Mutex<BTreeMap<HostId, Arc<Semaphore>>>,
}

/// The revision that is to take the place of another, and where it goes.
struct WayBack {
    revision: Revision,
    after: u64,
}

impl Acting {
    pub(crate) fn new(client: ControlClient, member: Arc<Member>, signer: CommandSigner, tasks: TaskTracker) -> Self {
        let shared = Shared {
            client,
            member,
            signer,
            places: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            tasks,
        }
    }

    /// Starts an action. How it ended is told to `outcome`, unless the term is over by then.
    pub(crate) fn start(&self, action: Action, apps: &Apps, outcome: mpsc::Sender<(Action, Outcome)>) {
        let back = match &action {
            Action::RollBack { app, reason, .. } => apps
                .desired()
                .apps
                .get(app)
                .and_then(|known| known.revision.roll_back(reason.clone()))
                .map(|revision| WayBack {
                    revision,
                    after: apps.at(app),
                }),
            _ => None,
        };
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let ended = shared.carry_out(&action, back).await;
            match &ended {
                Ok(()) => debug!(?action, "done"),
                Err(error) => warn!(target = ?action.target(), %error, "not done"),
            }
            // Nobody listens when the term is over: the next leader looks for itself.
            let _ = outcome.send((action, ended)).await;
        });
    }
}

impl Shared {
    async fn carry_out(&self, action: &Action, back: Option<WayBack>) -> Outcome {
        match action {
            Action::PutLink { id, token, .. } => self.client.store_link_token(id, token).await,
            Action::RollBack { app, reason, .. } => {
                info!(%app, reason, "rolling back");
                self.roll_back(back).await
            }
            Action::StartActor {
                host,
                spec,
                replicas,
                probe,
                within,
                drain,
            } => {
                let start = ActorStart {
                    probe: probe.clone(),
                    drain_ms: Some(millis(*drain)),
                    ..ActorStart::new((**spec).clone(), *replicas)
                };
                self.command(host, &start, *within + *drain).await
            }
            Action::ScaleActor { host, actor, replicas } => {
                let scale = ActorScale {
                    actor: actor.clone(),
                    replicas: *replicas,
                };
                self.command(host, &scale, PROMPT).await
            }
            Action::StopActor { host, actor, drain } => {
                let stop = ActorStop {
                    actor: actor.clone(),
                    drain_ms: millis(*drain),
                };
                self.command(host, &stop, *drain + PROMPT).await
            }
            Action::StartProvider { host, spec } => {
                let start = ProviderStart { spec: (**spec).clone() };
                self.command(host, &start, PROMPT * 2).await
            }
            Action::StopProvider { host, provider } => {
                let drain = Duration::from_secs(10);
                let stop = ProviderStop {
                    provider: provider.clone(),
                    drain_ms: millis(drain),
                };
                self.command(host, &stop, drain + PROMPT).await
            }
        }
    }

    async fn command<C: lattice_control::Command>(&self, host: &HostId, command: &C, within: Duration) -> Outcome {
        let place = self.place(host).await;
        let _place = place.acquire().await;
        let summary = self.summary(host)?;
        let outcome = self.client.send(&summary, command, within, |_| {}).await;
        match outcome {
            Ok(_) => Ok(()),
            // It is not there any more, which is what was asked for.
            Err(error) if error.kind == ErrorKind::NotFound && is_stop::<C>() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn place(&self, host: &HostId) -> Arc<Semaphore> {
        let mut places = self.places.lock().await;
        let place = places
            .entry(host.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME)));
        Arc::clone(place)
    }

    /// The run of a host that is there now.
    fn summary(&self, host: &HostId) -> Result<MemberSummary, ControlError> {
        let known = self.member.directory().get(&MemberId::from(host));
        let known =
            known.ok_or_else(|| ControlError::new(ErrorKind::Unreachable, format!("{host} is not there any more")))?;
        let presence = &known.presence;
        Ok(MemberSummary {
            member: presence.member.clone(),
            incarnation: presence.incarnation,
            name: presence.name.clone(),
            kind: presence.kind,
            state: presence.state,
            scheduling: presence.scheduling,
            labels: known.labels.clone(),
            version: presence.version.clone(),
            started_at: presence.started_at,
            actors: 0,
            providers: 0,
            sees: Vec::new(),
            token: String::new(),
        })
    }

    async fn roll_back(&self, back: Option<WayBack>) -> Outcome {
        let Some(WayBack { revision, after }) = back else {
            return Ok(());
        };
        let now = UnixSeconds::from(SystemTime::now());
        let stored = self
            .signer
            .sign_revision(&revision, self.member.lattice(), now)
            .map_err(|error| ControlError::internal(error.to_string()))?;
        match self.client.put_app(&revision.application.name, &stored, after).await? {
            PutApp::Stored { .. } => Ok(()),
            // Somebody wrote another revision meanwhile, and that is the one to look at.
            PutApp::Overtaken => Ok(()),
        }
    }
}

fn is_stop<C: lattice_control::Command>() -> bool {
    matches!(
        C::VERB,
        lattice_control::Verb::ActorStop | lattice_control::Verb::ProviderStop
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
