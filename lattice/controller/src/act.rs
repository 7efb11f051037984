//! Doing what was decided.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lattice_control::{
    ActorScale, ActorStart, ActorStop, CommandSigner, ControlClient, ControlError, ErrorKind, MemberSummary,
    ProviderStart, ProviderStop, PutApp,
    reconcile::{Action, KnownLink, Outcome},
};
use lattice_core::{HostId, LinkId, MemberId, TraceContext, UnixSeconds, application::Revision};
use lattice_mesh::Member;
use lattice_telemetry::{SpanKind, SpanRef, Status, Tracer};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::{debug, info, warn};

use crate::applying;
use crate::apps::Apps;
use crate::settings::ControllerSettings;

/// Commands to one host at a time. More would only wait there, for the processor that compiles.
const AT_A_TIME: usize = 16;

/// How long a command that has nothing to wait for may take.
const PROMPT: Duration = Duration::from_secs(15);

/// How long a link that was stored may take to come back and be judged.
const LINK_JUDGED_WITHIN: Duration = Duration::from_secs(3);

/// Carries actions out, each in a task of its own.
pub(crate) struct Acting {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    _over: DropGuard,
}

struct Shared {
    client: ControlClient,
    member: Arc<Member>,
    signer: CommandSigner,
    tracer: Tracer,
    /// Cancelled when the term is over: what was not begun by then is for the next leader to decide.
    over: CancellationToken,
    places: Mutex<BTreeMap<HostId, Arc<Semaphore>>>,
}

/// The revision that is to take the place of another, and where it goes.
struct WayBack {
    revision: Revision,
    after: u64,
}

impl Acting {
    pub(crate) fn new(
        client: ControlClient,
        member: Arc<Member>,
        settings: &ControllerSettings,
        tasks: TaskTracker,
    ) -> Self {
        let over = CancellationToken::new();
        let shared = Shared {
            client,
            member,
            signer: settings.signer.clone(),
            tracer: settings.tracer.clone(),
            over: over.clone(),
            places: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            tasks,
            _over: over.drop_guard(),
        }
    }

    /// Starts an action, which is part of `over`. How it ended is told to `outcome`, unless the term is over by then.
    pub(crate) fn start(
        &self,
        action: Action,
        apps: &Apps,
        over: Option<SpanRef>,
        outcome: mpsc::Sender<(Action, Outcome)>,
    ) {
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
            let span = match &over {
                Some(over) => shared
                    .tracer
                    .start_in(applying::span_name(&action), SpanKind::Client, Some(over)),
                None => shared
                    .tracer
                    .always(applying::span_name(&action), SpanKind::Client, None),
            };
            let ended = shared.carry_out(&action, back, span.context()).await;
            let status = ended.as_ref().map_or_else(status_of, |()| Status::Ok);
            span.end(status, || applying::attributes(&action));
            match &ended {
                Ok(()) => debug!(?action, "done"),
                Err(error) => warn!(target = ?action.target(), %error, "not done"),
            }
            // Nobody listens when the term is over: the next leader looks for itself.
            let _ = outcome.send((action, ended)).await;
        });
    }
}

impl Acting {
    /// Puts back into the bucket what somebody took out of it, or put an older token in the place of. Members remember better; those who
    /// join later cannot.
    pub(crate) fn repair_links(&self, apps: &Apps) {
        let known: Vec<KnownLink> = apps
            .desired()
            .apps
            .values()
            .flat_map(|app| app.links.iter().chain(&app.unlinks))
            .cloned()
            .collect();
        if known.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let Ok(stored) = shared.client.stored_links().await else {
                return;
            };
            let stored: BTreeMap<LinkId, u64> = stored
                .iter()
                .filter_map(|stored| KnownLink::read(std::str::from_utf8(&stored.token).ok()?))
                .map(|link| (link.id, link.generation))
                .collect();
            // Only what this member has believed: the rest is on its way, or refused.
            let links = shared.member.links();
            let believed = |link: &&KnownLink| links.generation(&link.id) == Some(link.generation);
            let gone = |link: &&KnownLink| stored.get(&link.id).is_none_or(|there| *there < link.generation);
            for link in known.iter().filter(believed).filter(gone) {
                warn!(link = %link.id, generation = link.generation, "put back into the bucket");
                if let Err(error) = shared.client.advance_link(&link.id, link.generation, &link.token).await {
                    warn!(link = %link.id, %error, "not put back");
                }
            }
        });
    }
}

impl Shared {
    async fn carry_out(&self, action: &Action, back: Option<WayBack>, trace: Option<TraceContext>) -> Outcome {
        match action {
            Action::PutLink { id, generation, token } => self.put_link(id, *generation, token).await,
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
                self.command(host, &start, *within + *drain, trace).await
            }
            Action::ScaleActor { host, actor, replicas } => {
                let scale = ActorScale {
                    actor: actor.clone(),
                    replicas: *replicas,
                };
                self.command(host, &scale, PROMPT, trace).await
            }
            Action::StopActor { host, actor, drain } => {
                let stop = ActorStop {
                    actor: actor.clone(),
                    drain_ms: millis(*drain),
                };
                self.command(host, &stop, *drain + PROMPT, trace).await
            }
            Action::StartProvider { host, spec } => {
                let start = ProviderStart { spec: (**spec).clone() };
                self.command(host, &start, PROMPT * 2, trace).await
            }
            Action::StopProvider { host, provider } => {
                let drain = Duration::from_secs(10);
                let stop = ProviderStop {
                    provider: provider.clone(),
                    drain_ms: millis(drain),
                };
                self.command(host, &stop, drain + PROMPT, trace).await
            }
        }
    }

    /// Puts a link where everybody sees it, and waits until this member has judged it: what it refuses, others will too.
    async fn put_link(&self, id: &LinkId, generation: u64, token: &str) -> Outcome {
        let mut changes = self.member.links().changes();
        self.client.advance_link(id, generation, token).await?;
        let until = tokio::time::Instant::now() + LINK_JUDGED_WITHIN;
        loop {
            let links = self.member.links();
            if links.generation(id).is_some_and(|seen| seen >= generation) {
                return Ok(());
            }
            if tokio::time::timeout_at(until, changes.recv()).await.is_err() {
                let refusals = self.member.links().refusals();
                let refusal = refusals.iter().find(|(key, _)| *key == id.link_key());
                return Err(match refusal {
                    Some((_, rejected)) => ControlError::denied(format!("refused: {}", rejected.refusal)),
                    None => ControlError::new(ErrorKind::Timeout, "it was stored, and has not come back yet"),
                });
            }
        }
    }

    async fn command<C: lattice_control::Command>(
        &self,
        host: &HostId,
        command: &C,
        within: Duration,
        trace: Option<TraceContext>,
    ) -> Outcome {
        let place = self.place(host).await;
        let _place = place.acquire().await;
        let summary = self.summary(host)?;
        let client = self.client.clone().within(trace);
        let sending = client.send(&summary, command, within, |_| {});
        // Dropped, a command is withdrawn: what its host has not finished, it abandons.
        let Some(outcome) = self.over.run_until_cancelled(sending).await else {
            return Err(ControlError::new(ErrorKind::Conflict, "this controller leads no more"));
        };
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
            engine: String::new(),
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

fn status_of(error: &ControlError) -> Status {
    Status::error(error.kind.code(), error.to_string())
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
