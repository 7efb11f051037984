//! A stateful actor that is awake: one instance, which serves one turn after another.
//!
//! The instance is given to the turn and comes back only if the turn ends well. So one that trapped, ran out of time or whose caller went
//! away is gone, and cannot be asked again: what it would say after that is nobody's state.

mod http;
mod turns;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use lattice_core::stateful::{Effects, Saved, StopReason};
use lattice_core::{Fault, FaultKind, InvocationId, KeyedActor};
use uuid::Uuid;

use super::entry::StatefulEntry;
use super::instance::Instance;
use super::{Actor, Inner};
use crate::fault::actor_stopped;
use crate::gate::Permit;
use crate::handles;
use crate::linked::{Origin, TurnRef};
use crate::live::{LiveState, Phase, Turn, WakeError, Waking};

/// A live instance of a stateful actor. At rest it costs memory and nothing else.
pub struct Live {
    inner: Arc<Inner>,
    actor: KeyedActor,
    /// None while a turn has it, and after one that killed it.
    instance: Option<Instance>,
}

/// What a guest is asked for, and until when.
struct Stage {
    phase: Phase,
    origin: Origin,
    turn: Option<Turn>,
    _permit: Permit,
}

impl Actor {
    /// Whether it has one live instance for each key: whether its component exports `lattice:actor/lifecycle`.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.0.entries.stateful.is_some()
    }

    /// Whether a turn may call out, through a capability, to another actor, or to a peer. Then a turn must not run before those before
    /// it are stored.
    #[must_use]
    pub fn reaches_out(&self) -> bool {
        self.0.compiled.shape().reaches_out()
    }

    /// Wakes one live instance. It may neither call nor send anything meanwhile; what it writes to its cells is told with its first turn.
    ///
    /// # Errors
    ///
    /// [`WakeError::Refused`] with the actor's own no, [`WakeError::Failed`] when it trapped, took too long or could not be made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the instance.
    pub async fn wake(&self, mut waking: Waking) -> Result<Live, WakeError> {
        let inner = &self.0;
        let Some(entry) = &inner.entries.stateful else {
            return Err(WakeError::Failed(inner.not_stateful()));
        };
        let (permit, runs) = (inner.join()?, inner.ticker.guest_runs());
        let origin = Origin {
            deadline: inner.own_deadline(waking.deadline),
            invocation: InvocationId::from(Uuid::nil()),
            trace: waking.trace.take(),
            turn: None,
        };
        let actor = waking.actor.clone();
        let deadline = origin.deadline;
        let work = pin!(async {
            inner.counts.instances.fetch_add(1, Relaxed);
            let live = Box::new(LiveState::new(&mut waking));
            let mut instance = inner.mold.cast_as(origin, Some(live)).await?;
            let answer = entry.activate(&mut instance, waking).await;
            inner.settle(instance, answer)
        });
        let (mut instance, answer) = inner.counted(inner.within(deadline, work).await)?;
        drop((permit, runs));
        answer.map_err(WakeError::Refused)?;
        if let Some(live) = &mut instance.store.data_mut().call.live {
            live.cells.keep_untold();
        }
        Ok(Live {
            inner: Arc::clone(inner),
            actor,
            instance: Some(instance),
        })
    }
}

impl Live {
    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> &KeyedActor {
        &self.actor
    }

    /// Lets the actor write itself down. It may neither call nor send anything, nor write to its cells meanwhile.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when it trapped or took too long, and is dead now.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the instance.
    pub async fn save(&mut self, deadline: Instant) -> Result<Saved, Fault> {
        let inner = Arc::clone(&self.inner);
        let entry = inner.stateful_entry()?;
        if !entry.saves() {
            return Ok(Saved::NotOffered);
        }
        let stage = inner.between_turns(Phase::Saving, deadline);
        self.run(stage, async |instance| entry.save(instance).await).await
    }

    /// Puts the actor to rest: tells it, and ends its instance, whatever it says.
    pub async fn rest(mut self, why: StopReason, deadline: Instant) {
        let inner = Arc::clone(&self.inner);
        let Ok(entry) = inner.stateful_entry() else { return };
        if self.is_dead() {
            return;
        }
        let stage = inner.between_turns(Phase::Resting, deadline);
        let rested = self.run(stage, async |instance| entry.deactivate(instance, why).await);
        if let Err(fault) = rested.await {
            tracing::debug!(actor = %self.actor, %fault, "a stateful actor failed while it was put to rest");
        }
    }

    /// Whether it is gone, because a turn killed it. There is nothing left to do then but to drop it and to wake another.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.instance.is_none()
    }

    /// Bytes of linear memory that it has now.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let used = self
            .instance
            .as_ref()
            .map(|instance| instance.store.data().memory.used());
        used.unwrap_or_default() as u64
    }

    /// Names what it holds of the host between turns: streams, bodies, buckets. None of that is saved with it. The streams of standard
    /// input and output do not count: runtimes open them once and keep them.
    #[must_use]
    pub fn open_handles(&self) -> Vec<String> {
        let table = self.instance.as_ref().map(|instance| &instance.store.data().table);
        table.map(handles::open).unwrap_or_default()
    }

    /// Runs the guest, and keeps the instance if it comes back from there.
    async fn run<R>(
        &mut self,
        stage: Stage,
        job: impl AsyncFnOnce(&mut Instance) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let inner = Arc::clone(&self.inner);
        let deadline = stage.origin.deadline;
        // Nothing has been asked of it yet, so it goes on.
        if inner.stop.is_cancelled() {
            return Err(actor_stopped());
        }
        if deadline <= Instant::now() {
            return Err(Fault::new(
                FaultKind::DeadlineExceeded,
                format!("the deadline passed before `{}` was asked", self.actor),
            ));
        }
        let mut instance = self.instance.take().ok_or_else(|| self.gone())?;
        instance.begin(stage.origin);
        let call = &mut instance.store.data_mut().call;
        if let Some(turn) = &stage.turn {
            call.set_now(turn.now_ms);
        }
        if let Some(live) = &mut call.live {
            live.begin(stage.phase, stage.turn.as_ref());
        }
        let _runs = inner.ticker.guest_runs();
        let work = pin!(async {
            let answer = job(&mut instance).await;
            inner.settle(instance, answer)
        });
        let (instance, answer) = inner.counted(inner.within(deadline, work).await)?;
        self.instance = Some(instance);
        Ok(answer)
    }

    fn gone(&self) -> Fault {
        Fault::internal(format!("the live instance of `{}` is gone, wake another", self.actor))
    }

    /// Ends a turn that is to become true.
    fn keep(&mut self) -> Effects {
        self.state().map(LiveState::keep).unwrap_or_default()
    }

    /// Ends a turn that the actor refused: it has done nothing.
    fn take_back(&mut self) -> Effects {
        if let Some(live) = self.state() {
            live.take_back();
        }
        Effects::default()
    }

    fn state(&mut self) -> Option<&mut LiveState> {
        self.instance.as_mut()?.store.data_mut().call.live.as_deref_mut()
    }
}

impl Inner {
    fn stateful_entry(&self) -> Result<&StatefulEntry, Fault> {
        self.entries.stateful.as_ref().ok_or_else(|| self.not_stateful())
    }

    fn not_stateful(&self) -> Fault {
        let message = format!(
            "actor `{}` is not stateful: its component does not export lattice:actor/lifecycle",
            self.shared.name
        );
        Fault::new(FaultKind::BadArguments, message)
    }

    /// Counts a turn, or an actor that wakes, among the calls that run. How many there may be is for the host to say, by how many it wakes.
    fn join(&self) -> Result<Permit, Fault> {
        let permit = self.gate.join().map_err(|_| self.stopping())?;
        self.counts.calls.fetch_add(1, Relaxed);
        Ok(permit)
    }

    fn own_deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.shared.limits.deadline())
    }

    fn stage(&self, actor: &KeyedActor, turn: Turn) -> Result<Stage, Fault> {
        Ok(Stage {
            phase: Phase::Turn,
            origin: Origin {
                deadline: self.own_deadline(turn.deadline),
                invocation: turn.invocation,
                trace: turn.trace.clone(),
                turn: Some(Arc::new(TurnRef {
                    actor: actor.clone(),
                    chain: turn.chain.clone(),
                    id: turn.id,
                })),
            },
            turn: Some(turn),
            _permit: self.join()?,
        })
    }

    /// For what has to be possible even when no turns begin any more.
    fn between_turns(&self, phase: Phase, deadline: Instant) -> Stage {
        Stage {
            phase,
            origin: Origin {
                deadline: self.own_deadline(deadline),
                invocation: InvocationId::from(Uuid::nil()),
                trace: None,
                turn: None,
            },
            turn: None,
            _permit: self.gate.hold(),
        }
    }

    /// Hands the instance back if the guest did well.
    fn settle<R>(&self, mut instance: Instance, answer: wasmtime::Result<R>) -> Result<(Instance, R), Fault> {
        instance.end();
        let live = instance.store.data().call.live.as_ref();
        let checked = live.map_or(Ok(()), |live| live.check());
        match checked.map_err(Into::into).and(answer) {
            Ok(answer) => Ok((instance, answer)),
            Err(error) => Err(self.explain(&instance, &error)),
        }
    }
}

impl From<Fault> for WakeError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("actor", &self.actor)
            .field("is_dead", &self.is_dead())
            .finish_non_exhaustive()
    }
}
