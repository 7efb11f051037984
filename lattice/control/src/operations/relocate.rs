//! Moving an actor from one host to another while it serves: start there, ready, known to all, take along what has state, drain here, stop.

use std::time::{Duration, Instant};

use lattice_core::{ActorName, ActorSpec, Digest, Party};
use serde::Serialize;

use super::{Placement, Tell};
use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
    progress::Progress,
    verbs::{ActorStart, ActorStatus, ActorStop, Inventory, KeyedMove, KeyedMoved, MemberSummary},
};

/// The longest pause of a live actor that moves with the others.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Asks to move an actor's replicas.
#[derive(Clone, Debug)]
pub struct Relocate {
    /// Which actor.
    pub actor: ActorName,
    /// Away from here.
    pub from: MemberSummary,
    /// To there.
    pub to: MemberSummary,
    /// Goes on in another component there; none for the same. Whoever asks has stored it.
    pub component: Option<Component>,
    /// How long invocations in flight may take to finish.
    pub drain: Duration,
    /// How long each host may take.
    pub within: Duration,
}

/// A component that an actor is to go on in.
#[derive(Clone, Debug)]
pub struct Component {
    /// Which.
    pub digest: Digest,
    /// Where it came from, as it is shown.
    pub image: String,
}

impl Component {
    /// What runs an actor in this component, and as it was in all else.
    #[must_use]
    pub fn instead_of(&self, spec: &ActorSpec) -> ActorSpec {
        ActorSpec {
            digest: self.digest,
            image: self.image.clone(),
            ..spec.clone()
        }
    }
}

/// The actor has moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relocated {
    /// Where its replicas are now.
    pub to: Placement,
    /// Where they were.
    pub from: Placement,
    /// Invocations that did not finish within the drain, and were cancelled.
    pub cancelled: u64,
    /// What came of moving the live actors, if it has state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyed: Option<KeyedMoved>,
    /// How long it took in all.
    pub took_ms: u64,
}

impl ControlClient {
    /// Moves an actor. Until every member knows of the new place, the old one goes on serving.
    ///
    /// # Errors
    /// `NotFound` when the actor is not there; `Conflict` when another of that name runs at the target. Whatever fails
    /// before the old replicas drain leaves the actor where it was, and what was started for it is stopped again.
    pub async fn relocate(&self, request: &Relocate, tell: Tell<'_>) -> Result<Relocated, ControlError> {
        let started = Instant::now();
        let Relocate { actor, from, to, .. } = request;
        if from.member == to.member {
            return Err(ControlError::invalid(format!(
                "`{actor}` is to move from {} to itself",
                from.name
            )));
        }
        let here = self.status(from, actor).await?.ok_or_else(|| {
            ControlError::not_found(format!("{} does not run `{actor}`", from.name))
                .with_help("`lattice get actors` shows where it runs")
        })?;
        let there = self.status(to, actor).await?;
        let component = request.component.as_ref();
        let spec = component.map_or_else(|| here.spec.clone(), |component| component.instead_of(&here.spec));
        if let Some(there) = &there
            && !there.spec.is_same(&spec)
            && !there.spec.is_same(&here.spec)
        {
            let message = format!("{} runs another `{actor}` ({})", to.name, there.digest().short());
            return Err(ControlError::new(ErrorKind::Conflict, message).with_help(format!(
                "stop that first: `lattice stop actor {actor} --host {}`",
                to.name
            )));
        }
        let replicas = here.replicas + there.as_ref().map_or(0, |there| there.replicas);
        let grown = ActorStart::new(spec, replicas);
        let told = |progress| tell(&to.name, progress);
        self.send(to, &grown, request.within, told).await?;

        let party = Party::Actor(actor.clone());
        let members = self.members().await?;
        tell(&to.name, Progress::step("ready; telling everybody"));
        if let Err(error) = self.wait_until_seen(&members, &party, &to.member).await {
            self.undo(request, there, tell).await;
            return Err(error);
        }
        let keyed = self.take_along(request, tell).await?;
        tell(&from.name, Progress::step("draining"));
        let drain_ms = u64::try_from(request.drain.as_millis()).unwrap_or(u64::MAX);
        let stop = ActorStop {
            actor: actor.clone(),
            drain_ms,
        };
        let stopped = self
            .send(from, &stop, request.within + request.drain, |progress| {
                tell(&from.name, progress);
            })
            .await?;

        Ok(Relocated {
            to: Placement::on(to, replicas),
            from: Placement::on(from, here.replicas),
            cancelled: stopped.cancelled,
            keyed,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Moves what lives at the source, if the actor has state. One that cannot go comes to rest when the source stops, and is woken where it is
    /// called.
    async fn take_along(&self, request: &Relocate, tell: Tell<'_>) -> Result<Option<KeyedMoved>, ControlError> {
        let Relocate { actor, from, to, .. } = request;
        let order = KeyedMove {
            name: actor.clone(),
            key: None,
            to: to.member.clone(),
            pause_max_ms: u64::try_from(PAUSE_MAX.as_millis()).unwrap_or(u64::MAX),
        };
        let told = |progress| tell(&from.name, progress);
        match self.send(from, &order, request.within + request.drain, told).await {
            Ok(moved) => Ok(Some(moved).filter(|moved| !moved.pauses_us.is_empty() || !moved.stayed.is_empty())),
            // It has no stateful actors at all, or is older than they are.
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a host says of an actor, if it runs it.
    async fn status(&self, host: &MemberSummary, actor: &ActorName) -> Result<Option<ActorStatus>, ControlError> {
        let inventory = self.read(&host.member, &Inventory {}).await?;
        Ok(inventory.actors.into_iter().find(|status| status.name() == actor))
    }

    /// Puts the target back to what it was. What fails here is told and no more: the error worth returning came first.
    async fn undo(&self, request: &Relocate, there: Option<ActorStatus>, tell: Tell<'_>) {
        let to = &request.to;
        tell(&to.name, Progress::step("not everybody sees it: going back"));
        let undone = if let Some(there) = there {
            let start = ActorStart::new(there.spec, there.replicas);
            self.send(to, &start, request.within, |_| {}).await.map(drop)
        } else {
            let stop = ActorStop {
                actor: request.actor.clone(),
                drain_ms: u64::try_from(request.drain.as_millis()).unwrap_or(u64::MAX),
            };
            let within = request.within + request.drain;
            self.send(to, &stop, within, |_| {}).await.map(drop)
        };
        if let Err(error) = undone {
            tell(&to.name, Progress::step(format!("could not be put back: {error}")));
        }
    }
}
