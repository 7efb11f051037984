//! What people ask of stateful actors through the control interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use lattice_control::{
    Call, CallReply, ControlError, ErrorKind, KeyedFind, KeyedFound, KeyedList, KeyedListed, KeyedMove, KeyedMoved,
    KeyedStayed, ProgressSink,
};
use lattice_core::stateful::Lane;
use lattice_core::{ActorKey, ActorName, CallAddress, FaultKind, KeyedActor, MemberId, Party, VersionedInterface};
use lattice_stateful::{MoveError, MoveOrder, Moved, Runtime};
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, SpanKind, SpanRef, Status};
use uuid::Uuid;

use super::wire::text_head;
use crate::chain::chain;
use crate::control::errors;
use crate::shared::Shared;

/// Actors that move at a time.
const MOVES_AT_A_TIME: usize = 16;

impl Shared {
    /// The hosts that could take in a stateful actor of this name.
    pub(super) fn takers(&self, actor: &KeyedActor) -> Vec<MemberId> {
        self.member.directory().takers(&Party::Actor(actor.name.clone()))
    }

    fn keyed_runtime(&self, name: &ActorName) -> Result<&Runtime, ControlError> {
        self.stateful.runtime(name).ok_or_else(|| {
            ControlError::not_found(format!("no stateful actor `{name}` runs on this host"))
                .with_help("`lattice get actors` shows what runs where")
        })
    }

    /// Says whose a stateful actor is.
    pub(crate) async fn keyed_find(&self, request: &KeyedFind) -> Result<KeyedFound, ControlError> {
        let runtime = self.keyed_runtime(&request.actor.name)?;
        let found = runtime.find(&request.actor).await;
        let found = found.map_err(|error| ControlError::new(ErrorKind::Unreachable, chain(&error)))?;
        Ok(found.map_or_else(KeyedFound::default, |found| KeyedFound {
            known: true,
            owner: found.owner,
            epoch: found.epoch,
            version: found.version,
            reminder_ms: found.reminder_ms,
            letters: found.letters as u64,
        }))
    }

    /// Says which stateful actors of a name are awake here.
    pub(crate) fn keyed_list(&self, request: &KeyedList) -> KeyedListed {
        let Some(runtime) = self.stateful.runtime(&request.name) else {
            return KeyedListed::default();
        };
        let awake = runtime.live().into_iter().filter(|actor| actor.name == request.name);
        let mut keys: Vec<ActorKey> = awake.map(|actor| actor.key).collect();
        let total = keys.len() as u64;
        keys.truncate(usize::try_from(request.limit).unwrap_or(usize::MAX));
        KeyedListed { keys, total }
    }

    /// Moves one stateful actor, or all of a name that are awake here.
    pub(crate) async fn keyed_move(
        &self,
        request: &KeyedMove,
        progress: &ProgressSink,
    ) -> Result<KeyedMoved, ControlError> {
        let runtime = self.keyed_runtime(&request.name)?;
        let started = Instant::now();
        let pause_max = Duration::from_millis(request.pause_max_ms);
        let by = progress.by().map(ToString::to_string);
        if let Some(key) = &request.key {
            let actor = KeyedActor::new(request.name.clone(), key.clone());
            let (sink, shown) = (progress.clone(), actor.clone());
            let order = MoveOrder {
                actor: actor.clone(),
                to: request.to.clone(),
                by: by.clone(),
                pause_max,
                progress: Arc::new(move |phase| sink.step(format!("moving `{shown}`: {}", phase.name()))),
                trace: progress.trace().cloned().map(SpanRef::remote),
            };
            let moved = self.move_timed(runtime, order).await;
            let moved = moved.map_err(|error| not_moved(&actor, &error))?;
            return Ok(summary(vec![(actor, Ok(moved))], started));
        }
        let actors = runtime.live().into_iter().filter(|actor| actor.name == request.name);
        let actors: Vec<_> = actors.collect();
        let (total, done) = (actors.len(), AtomicUsize::new(0));
        let span = self.tracer.always("move all", SpanKind::Internal, progress.trace());
        let moves = futures::stream::iter(actors).map(async |actor| {
            let order = MoveOrder {
                actor: actor.clone(),
                to: request.to.clone(),
                by: by.clone(),
                pause_max,
                progress: Arc::new(|_| ()),
                trace: span.handle(),
            };
            let moved = self.move_timed(runtime, order).await;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.step(format!("moved {done} of {total}"));
            (actor, moved)
        });
        let outcomes = moves.buffer_unordered(MOVES_AT_A_TIME).collect().await;
        span.end(Status::Ok, || {
            vec![
                KeyValue::new(is::ACTOR, request.name.to_string()),
                KeyValue::new(is::TARGET_HOST, request.to.to_string()),
            ]
        });
        Ok(summary(outcomes, started))
    }

    /// Calls a stateful actor for a person. Only where it lives.
    pub(crate) async fn keyed_call(
        &self,
        request: &Call,
        key: &ActorKey,
        interface: VersionedInterface,
    ) -> Result<CallReply, ControlError> {
        let runtime = self.keyed_runtime(&request.actor)?;
        let started = Instant::now();
        let call = lattice_stateful::Call {
            address: CallAddress {
                key: key.clone(),
                call: Uuid::new_v4(),
                lane: Lane::ONCE,
                owner_unreachable: request.owner_unreachable,
                chain: Vec::new(),
            },
            sender: None,
            interface,
            function: request.function.clone(),
            invocation: self.invocations.next(),
            deadline: started + Duration::from_millis(request.deadline_ms),
            trace: None,
            head: text_head(),
            body: request.arguments.clone().into(),
        };
        let actor = KeyedActor::new(request.actor.clone(), key.clone());
        let (result, moved_to) = match runtime.deliver(actor, call).await {
            Ok(answer) => (String::from_utf8_lossy(&answer.body).into_owned(), None),
            Err(fault) if fault.kind == FaultKind::NotHere && fault.moved_to.is_some() => {
                (String::new(), fault.moved_to)
            }
            Err(fault) => return Err(errors::from_call(&request.actor, &fault)),
        };
        Ok(CallReply {
            result,
            took_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            moved_to,
        })
    }
}

fn summary(outcomes: Vec<(KeyedActor, Result<Moved, MoveError>)>, started: Instant) -> KeyedMoved {
    let mut summary = KeyedMoved::default();
    for (actor, outcome) in outcomes {
        match outcome {
            Ok(moved) => {
                let pause = u64::try_from(moved.pause.as_micros()).unwrap_or(u64::MAX);
                summary.pauses_us.push(pause);
                summary.bytes += moved.bytes;
            }
            // It was being woken here, and is elsewhere: nothing of it has to move.
            Err(MoveError::NotHere(_) | MoveError::AlreadyThere) => {}
            Err(error) => summary.stayed.push(KeyedStayed {
                key: actor.key,
                reason: error.to_string(),
            }),
        }
    }
    summary.took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    summary
}

/// Tells whoever asked why an actor stays, and what to do.
fn not_moved(actor: &KeyedActor, error: &MoveError) -> ControlError {
    let kind = match error {
        MoveError::NotHere(_) => ErrorKind::NotFound,
        MoveError::AlreadyThere => ErrorKind::Conflict,
        MoveError::Refused(_) | MoveError::Holds(_) | MoveError::Save(_) => ErrorKind::Guest,
        MoveError::Unreachable(_) | MoveError::Store(_) => ErrorKind::Unreachable,
        MoveError::TooSlow { .. } => ErrorKind::Timeout,
        _ => ErrorKind::Internal,
    };
    let told = ControlError::new(
        kind,
        format!("`{actor}` has not moved and goes on where it was: {error}"),
    );
    match error {
        MoveError::NotHere(_) => told.with_help(format!("`lattice describe {actor}` says where it is")),
        MoveError::Refused(_) => told.with_help(format!(
            "does `{}` run there? `lattice get actors`; `lattice start actor {} … --host HOST` runs it there too",
            actor.name, actor.name
        )),
        MoveError::TooSlow { .. } => told.with_help("a longer pause may do: `--max-pause`"),
        _ => told,
    }
}
