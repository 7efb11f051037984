//! Starting, scaling, replacing and stopping an actor on this host.
//!
//! The order is the same for all of them, and is what makes a move lose nothing: ready first, then told, then drained.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use lattice_control::{
    ActorFetch, ActorFetched, ActorScale, ActorStart, ActorStarted, ActorStatus, ActorStop, ActorStopped, ControlError,
    ErrorKind, ProgressSink,
};
use lattice_core::{ActorName, ActorSpec, Digest, OnPartition, Party, UnixSeconds};
use lattice_engine::{ActorOptions, Compiled};
use serde_json::json;
use tokio::task::JoinError;
use tracing::{debug, info, warn};

use super::{Hosted, probe, refusal};
use crate::events::{names, tell_ordered};
use crate::grants::Source;
use crate::linked::ActorLinks;
use crate::shared::Shared;

/// Most replicas of one actor on one host. More are a typing mistake: capacity grows by `concurrency` with each.
const REPLICAS_MAX: u32 = 10_000;

/// How long an actor of an application waits for links that are on their way here.
const LINKS_PATIENCE: Duration = Duration::from_secs(3);

/// Why an actor is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody said so.
    Command,
    /// It ran here before the host was restarted. Anything that runs under its name by now was asked for later.
    Restart,
}

impl Shared {
    /// Runs an actor. Returns when it is ready and the others have been told, or says why not.
    ///
    /// Withdrawn before that, nothing is left of it; withdrawn later, what was begun is finished.
    pub(crate) async fn start_actor(
        self: &Arc<Self>,
        request: ActorStart,
        occasion: Occasion,
        progress: &ProgressSink,
    ) -> Result<ActorStarted, ControlError> {
        let name = request.spec.name.clone();
        let outcome = self.try_start(request, occasion, progress).await;
        if let Err(error) = &outcome {
            warn!(actor = %name, %error, "actor not started");
            let data = json!({ "reason": error.message });
            let about = Party::Actor(name).to_string();
            tell_ordered(&self.events, progress, names::ACTOR_START_FAILED, about, data);
        }
        outcome
    }

    async fn try_start(
        self: &Arc<Self>,
        request: ActorStart,
        occasion: Occasion,
        progress: &ProgressSink,
    ) -> Result<ActorStarted, ControlError> {
        let ActorStart {
            spec,
            replicas,
            probe,
            drain_ms,
        } = request;
        let grace = drain_ms.map_or(self.grace, Duration::from_millis);
        let started = Instant::now();
        check_replicas(&spec.name, replicas)?;
        self.check_takes_work()?;
        self.check_placement(&spec)?;
        let turn = self.actors.turns.take(&spec.name).await;
        let stays = |hosted: &Arc<Hosted>| hosted.spec.is_same(&spec) || occasion == Occasion::Restart;
        if let Some(hosted) = self.actors.get(&spec.name).filter(stays) {
            if occasion == Occasion::Command {
                let before = hosted.replicas();
                hosted.scale(replicas);
                self.orders.runs_actor(&hosted.spec, replicas);
                self.tell_others().await;
                self.tell_scaled(&hosted, before, progress);
            }
            let took_ms = elapsed_ms(started);
            return Ok(ActorStarted {
                status: hosted.status(),
                was_running: true,
                from_cache: true,
                took_ms,
            });
        }
        let _shown = self.actors.show_starting(&spec);
        self.check_signed(&spec, progress).await?;
        let (compiled, from_cache) = self.load(&spec.digest, &spec.image, progress).await?;
        progress.step(format!("linking `{}`", spec.name));
        let hosted = Arc::new(self.build_when_linked(spec, &compiled, replicas).await?);
        if let Some(kind) = hosted.kind() {
            progress.step(format!("making ready to keep the state of `{}`", hosted.spec.name));
            self.stateful.open(self, kind).await?;
        }
        if let Some(probe) = &probe {
            progress.step(format!("probing `{}`", hosted.spec.name));
            // What it calls to answer checks that it is here. It is, with no replicas, from the moment it was shown as starting.
            self.tell_others().await;
            probe::probe(self, &hosted, probe).await?;
        }
        // From here on it is all or nothing: a withdrawn command must not leave it half told, or the old one half drained.
        let (shared, progress) = (Arc::clone(self), progress.clone());
        let switched = self.tasks.spawn_with("start an actor", async move {
            let _turn = turn;
            shared.check_takes_work()?;
            shared.orders.runs_actor(&hosted.spec, replicas);
            shared.switch(&hosted, grace, &progress).await;
            Ok(hosted.status())
        });
        let status = join(switched.await)?;
        Ok(ActorStarted {
            status,
            was_running: false,
            from_cache,
            took_ms: elapsed_ms(started),
        })
    }

    /// Puts a ready actor in its place, tells the others, and drains what was there before.
    async fn switch(&self, hosted: &Arc<Hosted>, grace: Duration, progress: &ProgressSink) {
        let party = Party::Actor(hosted.spec.name.clone()).to_string();
        let digest = hosted.spec.digest;
        let before = self.actors.put(hosted);
        if let Some(kind) = hosted.kind() {
            self.stateful.host(kind).await;
        }
        self.tell_others().await;
        let spec = &hosted.spec;
        let data = json!({ "digest": digest, "image": spec.image, "replicas": hosted.replicas(), "app": spec.app });
        let Some(before) = before else {
            info!(actor = %hosted.spec.name, %digest, replicas = hosted.replicas(), "actor started");
            tell_ordered(&self.events, progress, names::ACTOR_STARTED, party, data);
            return;
        };
        progress.step(format!("draining the former `{}`", hosted.spec.name));
        let drained = before.drain(grace).await;
        self.actors.forget(&before);
        info!(actor = %hosted.spec.name, %digest, before = %before.spec.digest, cancelled = drained.cancelled, "actor replaced");
        tell_ordered(&self.events, progress, names::ACTOR_REPLACED, party, data);
    }

    fn tell_scaled(&self, hosted: &Hosted, before: u32, progress: &ProgressSink) {
        let replicas = hosted.replicas();
        if replicas != before {
            let about = Party::Actor(hosted.spec.name.clone()).to_string();
            let data = json!({ "replicas": replicas, "before": before, "app": hosted.spec.app });
            tell_ordered(&self.events, progress, names::ACTOR_SCALED, about, data);
        }
    }

    /// Changes how many replicas run here.
    pub(crate) async fn scale_actor(
        &self,
        request: &ActorScale,
        progress: &ProgressSink,
    ) -> Result<ActorStatus, ControlError> {
        check_replicas(&request.actor, request.replicas)?;
        let _turn = self.actors.turns.take(&request.actor).await;
        let hosted = self.actor(&request.actor)?;
        let before = hosted.replicas();
        if before != request.replicas {
            hosted.scale(request.replicas);
            self.orders.runs_actor(&hosted.spec, request.replicas);
            self.tell_others().await;
            info!(actor = %request.actor, replicas = request.replicas, "actor scaled");
            self.tell_scaled(&hosted, before, progress);
        }
        Ok(hosted.status())
    }

    /// Tells the others that the actor is not here any more, finishes what is in flight, and stops it.
    pub(crate) async fn stop_actor(
        self: &Arc<Self>,
        request: &ActorStop,
        progress: &ProgressSink,
    ) -> Result<ActorStopped, ControlError> {
        let turn = self.actors.turns.take(&request.actor).await;
        // Also when it does not run: it may be about to run again after a restart.
        self.orders.stopped_actor(&request.actor);
        let hosted = self.actor(&request.actor)?;
        progress.step(format!("draining `{}`", request.actor));
        let (shared, grace) = (Arc::clone(self), Duration::from_millis(request.drain_ms));
        let order = progress.clone();
        let stopped = self.tasks.spawn_with("stop an actor", async move {
            let _turn = turn;
            hosted.set_leaving();
            shared.tell_others().await;
            if hosted.kind().is_some() {
                shared
                    .evacuate_stateful(Some(&hosted.spec.name), Instant::now() + grace, order.trace())
                    .await;
                shared.stateful.unhost(&hosted.spec.name, grace).await;
            }
            let drained = hosted.drain(grace).await;
            shared.actors.forget(&hosted);
            shared.tell_others().await;
            let actor = hosted.spec.name.clone();
            info!(%actor, cancelled = drained.cancelled, "actor stopped");
            let data = json!({ "cancelled": drained.cancelled, "app": hosted.spec.app });
            let about = Party::Actor(actor.clone()).to_string();
            tell_ordered(&shared.events, &order, names::ACTOR_STOPPED, about, data);
            Ok(ActorStopped {
                actor,
                cancelled: drained.cancelled as u64,
            })
        });
        join(stopped.await)
    }

    /// The actor of that name on this host.
    pub(crate) fn actor(&self, name: &ActorName) -> Result<Arc<Hosted>, ControlError> {
        self.actors.get(name).ok_or_else(|| {
            ControlError::not_found(format!("actor `{name}` does not run on this host"))
                .with_help("`lattice get actors` shows where actors run")
        })
    }

    /// Has the component of an actor ready on disk, should it be placed here.
    pub(crate) async fn fetch_actor(
        &self,
        request: &ActorFetch,
        progress: &ProgressSink,
    ) -> Result<ActorFetched, ControlError> {
        let (spec, started) = (&request.spec, Instant::now());
        self.check_placement(spec)?;
        self.check_signed(spec, progress).await?;
        let (_, from_cache) = self.load(&spec.digest, &spec.image, progress).await?;
        info!(actor = %spec.name, digest = %spec.digest, from_cache, "component had ready");
        Ok(ActorFetched {
            from_cache,
            took_ms: elapsed_ms(started),
        })
    }

    /// Makes sure that a component is signed, if the lattice's policy demands it. Nothing is fetched before.
    async fn check_signed(&self, spec: &ActorSpec, progress: &ProgressSink) -> Result<(), ControlError> {
        let trust = self.member.trust().current();
        if trust.image_policy().is_any() {
            return Ok(());
        }
        let digest = &spec.digest;
        progress.step(format!("looking for a signature of component {}", digest.short()));
        let now = UnixSeconds::from(SystemTime::now());
        let signed = self.artifacts.signed(digest, &spec.image, &trust, now).await;
        let verified = signed.map_err(|error| refusal::from_signature(&error))?;
        debug!(actor = %spec.name, %digest, issuer = %verified.issuer, token = verified.token_id, "component signed");
        Ok(())
    }

    /// Fetches a component, which came from `image` once, and compiles it, or loads what others compiled of it; says whether this host had
    /// it already.
    pub(crate) async fn load(
        &self,
        digest: &Digest,
        image: &str,
        progress: &ProgressSink,
    ) -> Result<(Arc<Compiled>, bool), ControlError> {
        if let Some(loaded) = self.load_code(digest, progress).await? {
            return Ok(loaded);
        }
        progress.step(format!("fetching component {}", digest.short()));
        let fetched = self
            .artifacts
            .fetch(digest, image)
            .await
            .map_err(|error| refusal::from_fetch(&error))?;
        progress.step(format!("compiling component {}", digest.short()));
        let bytes: Bytes = fetched.bytes;
        let compiled = self
            .engine
            .load(*digest, &bytes)
            .await
            .map_err(|error| refusal::from_load(&error))?;
        Ok((compiled, fetched.from_disk))
    }

    /// Builds an actor. One that belongs to an application may be asked for before its links have come here, which they soon will.
    async fn build_when_linked(
        self: &Arc<Self>,
        spec: ActorSpec,
        compiled: &Arc<Compiled>,
        replicas: u32,
    ) -> Result<Hosted, ControlError> {
        let mut changes = self.member.links().changes();
        let until = Instant::now() + LINKS_PATIENCE;
        loop {
            let built = self.build(spec.clone(), compiled, replicas);
            let waits = matches!(&built, Err(error) if error.kind == ErrorKind::Denied) && spec.app.is_some();
            if !waits || tokio::time::timeout_at(until.into(), changes.recv()).await.is_err() {
                return built;
            }
        }
    }

    fn build(
        self: &Arc<Self>,
        spec: ActorSpec,
        compiled: &Arc<Compiled>,
        replicas: u32,
    ) -> Result<Hosted, ControlError> {
        let source = self.source_of(&spec.name, compiled);
        let view = self.member.links().current();
        let grants = |interface: &lattice_core::VersionedInterface| source.granted(&view, interface);
        let linked = Arc::new(ActorLinks::new(Arc::clone(self), source.clone()));
        let engine = self
            .engine
            .actor(Arc::clone(compiled), self.options(&spec, replicas)?, &grants, linked)
            .map_err(|error| refusal::from_start(&source.party, &error))?;
        if spec.kind.stateful().is_some() && !engine.is_stateful() {
            let message = format!("actor `{}` is to be stateful and its component is not", spec.name);
            let help =
                "a stateful actor exports lattice:actor/lifecycle; `lattice inspect` shows what this one exports";
            return Err(ControlError::invalid(message).with_help(help));
        }
        if engine.is_stateful() && spec.on_partition == Some(OnPartition::Stay) && spec.home().is_none() {
            let message = format!(
                "the state of `{}` is to stay at its site, and it is bound to none",
                spec.name
            );
            return Err(ControlError::invalid(message).with_help("bind it: `placement: {require: {site: NAME}}`"));
        }
        Ok(Hosted::new(spec, engine, replicas, Arc::clone(&self.failures)))
    }

    fn options(&self, spec: &ActorSpec, replicas: u32) -> Result<ActorOptions, ControlError> {
        let mut options = ActorOptions::new(spec.name.clone());
        options.limits = spec.limits.clone();
        options.reuse = spec.reuse;
        options.config = spec.config.clone();
        options.config.extend(self.secrets.resolve(&spec.secrets)?);
        options.replicas = replicas;
        Ok(options)
    }

    /// Who an actor is that runs this component under that name on this host.
    pub(crate) fn source_of(&self, name: &ActorName, compiled: &Compiled) -> Source {
        Source {
            party: Party::Actor(name.clone()),
            digest: compiled.digest(),
            imports: compiled
                .shape()
                .imports
                .iter()
                .map(|import| import.interface.clone())
                .collect(),
            host: self.labels(),
        }
    }

    fn check_takes_work(&self) -> Result<(), ControlError> {
        if !self.is_draining() {
            return Ok(());
        }
        Err(
            ControlError::new(ErrorKind::Conflict, "this host is stopping and takes nothing new")
                .with_help("place it on another host: `lattice get hosts`"),
        )
    }

    fn check_placement(&self, spec: &ActorSpec) -> Result<(), ControlError> {
        let labels = self.labels();
        if labels.matches(&spec.placement) {
            return Ok(());
        }
        let (actor, wanted) = (&spec.name, &spec.placement);
        Err(ControlError::invalid(format!(
            "actor `{actor}` wants a host with {wanted}; this one has {labels}"
        ))
        .with_help("`lattice get hosts -o wide` shows the labels that count: those that enrolment granted"))
    }
}

fn check_replicas(actor: &ActorName, replicas: u32) -> Result<(), ControlError> {
    match replicas {
        0 => Err(
            ControlError::invalid(format!("actor `{actor}` cannot run with no replicas"))
                .with_help(format!("to take it away: `lattice stop actor {actor}`")),
        ),
        1..=REPLICAS_MAX => Ok(()),
        _ => Err(ControlError::invalid(format!(
            "{replicas} replicas are more than {REPLICAS_MAX} on one host"
        ))),
    }
}

fn join<T>(outcome: Result<Result<T, ControlError>, JoinError>) -> Result<T, ControlError> {
    outcome.unwrap_or_else(|error| {
        Err(ControlError::internal(format!(
            "the work on this host broke off: {error}"
        )))
    })
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_replicas_is_a_stop_by_another_name_and_says_so() {
        let name = "hello".parse().expect("a name");
        let error = check_replicas(&name, 0).expect_err("refused");
        assert!(error.help.expect("help").contains("lattice stop actor hello"));
        assert!(check_replicas(&name, 1).is_ok());
        assert!(check_replicas(&name, u32::MAX).is_err());
    }
}
