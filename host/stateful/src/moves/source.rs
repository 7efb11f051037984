//! The source's part of a move.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_core::{Fault, FaultKind};
use tracing::{info, warn};

use super::wire::{self, About, Prepare, Prepared, Stage, Switch};
use super::{Departure, Leaving, MoveError, MoveOrder, Moved, Moving, Phase};
use crate::activation::{Activation, End};
use crate::ports::Question;
use crate::random;
use crate::record::{Owner, Record};
use crate::runtime::Shared;
use crate::store::SwapError;

/// How long the target may take to make ready while the actor runs.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the target is told that an actor is its own. It finds out by itself otherwise.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the target whether it could, before anything stops. Returns the session in which it would own the actor.
pub(super) async fn prepare(shared: &Shared, moving: &Moving, record: &Record) -> Result<u64, MoveError> {
    let order = &moving.order;
    moving.enter(Phase::Prepare).await;
    let question = Prepare {
        actor: order.actor.clone(),
        state: record.state.clone(),
    };
    let deadline = Instant::now() + PREPARE_TIMEOUT;
    let answer = ask(shared, moving, Question::Prepare, wire::encode(&question), deadline).await?;
    let prepared: Prepared = wire::decode(&answer).map_err(|fault| MoveError::Refused(fault.to_string()))?;
    Ok(prepared.session)
}

impl Activation {
    /// Goes on elsewhere, or stays. Nothing else happens meanwhile: this is the pause.
    pub(crate) async fn depart(&mut self, departure: Departure) -> Result<(), End> {
        let Departure { moving, session, done } = departure;
        let order = &moving.order;
        let there = There {
            id: random::number(),
            session,
        };
        let sealed = Instant::now();
        moving.enter(Phase::Seal).await;
        let (error, ended) = match self.try_depart(&moving, there, sealed).await {
            Ok(moved) => {
                info!(actor = %order.actor, to = %order.to, pause_ms = moved.pause.as_millis(), bytes = moved.bytes, "moved");
                let to = order.to.clone();
                return Err(End::Moved(Leaving { to, moved, done }));
            }
            Err(Stay::Here(error)) => {
                warn!(actor = %order.actor, to = %order.to, %error, "not moved");
                (error, Ok(()))
            }
            Err(Stay::Over(error, end)) => (error, Err(end)),
        };
        // Whoever asked may be gone.
        let _ = done.send(Err(error));
        ended
    }

    async fn try_depart(&mut self, moving: &Moving, there: There, sealed: Instant) -> Result<Moved, Stay> {
        let order = &moving.order;
        let until = sealed + order.pause_max;
        let too_slow = |phase| {
            let max = order.pause_max;
            Stay::Here(MoveError::TooSlow { max, phase })
        };
        let settled = tokio::time::timeout_at(until.into(), self.settle()).await;
        settled
            .map_err(|_| too_slow(Phase::Seal))?
            .map_err(|end| Stay::Over(MoveError::Gone, end))?;

        moving.enter(Phase::Snapshot).await;
        let handles = self.open_handles();
        if !handles.is_empty() {
            return Err(Stay::Here(MoveError::Holds(handles)));
        }
        if let Err(fault) = self.write_down().await {
            return Err(match self.check_alive("it cannot be saved") {
                Ok(()) => Stay::Here(MoveError::Save(fault)),
                Err(end) => Stay::Over(MoveError::Save(fault), end),
            });
        }
        let owner = Owner {
            member: order.to.clone(),
            session: there.session,
        };
        let (mut record, bytes) = self.record_for(owner).await.map_err(Stay::Here)?;

        moving.enter(Phase::Stage).await;
        self.stage(moving, there, &record, until).await.map_err(Stay::Here)?;
        if Instant::now() >= until {
            self.unstage(order);
            return Err(too_slow(Phase::Stage));
        }

        moving.enter(Phase::Commit).await;
        let epoch = record.epoch;
        match self.commit(&mut record).await {
            Ok(revision) => {
                moving.enter(Phase::Switch).await;
                self.release_ahead();
                let pause = self.switch(moving, there, revision, sealed).await;
                moving.enter(Phase::Clean).await;
                Ok(Moved { pause, bytes, epoch })
            }
            Err(SwapError::Overtaken) => Err(Stay::Over(MoveError::Gone, End::Lost("another host has it"))),
            Err(SwapError::Store(error)) => {
                self.unstage(order);
                Err(Stay::Here(MoveError::Store(crate::chain(&error))))
            }
        }
    }

    async fn stage(&mut self, moving: &Moving, there: There, record: &Record, until: Instant) -> Result<(), MoveError> {
        let order = &moving.order;
        let question = Stage {
            id: there.id,
            actor: order.actor.clone(),
            session: there.session,
            record: record.encode(),
        };
        let shared = std::sync::Arc::clone(self.shared());
        let asked = ask(&shared, moving, Question::Stage, wire::encode(&question), until).await;
        match asked {
            Ok(_) => Ok(()),
            Err(error) => {
                self.unstage(order);
                Err(match error {
                    _ if Instant::now() >= until => MoveError::TooSlow {
                        max: order.pause_max,
                        phase: Phase::Stage,
                    },
                    error => error,
                })
            }
        }
    }

    /// Tells the target that nothing comes of it. If it does not hear, its staging runs out.
    fn unstage(&self, order: &MoveOrder) {
        let body = wire::encode(&About {
            actor: order.actor.clone(),
        });
        let (shared, to) = (std::sync::Arc::clone(self.shared()), order.to.clone());
        self.shared().tasks.spawn(async move {
            let deadline = Instant::now() + SWITCH_TIMEOUT;
            let _ = shared
                .neighbours
                .ask(&to, Question::Unstage, body, deadline, None)
                .await;
        });
    }

    /// Tells the target that it is its own, and returns how long the pause was.
    async fn switch(&mut self, moving: &Moving, there: There, revision: u64, sealed: Instant) -> Duration {
        let order = &moving.order;
        let question = Switch {
            id: there.id,
            actor: order.actor.clone(),
            session: there.session,
            revision,
        };
        let deadline = Instant::now() + SWITCH_TIMEOUT;
        let shared = std::sync::Arc::clone(self.shared());
        let told = ask(&shared, moving, Question::Switch, wire::encode(&question), deadline).await;
        if let Err(error) = told {
            warn!(actor = %order.actor, %error, "the target was not told; the first call will tell it");
        }
        sealed.elapsed()
    }
}

/// What the target knows a move by.
#[derive(Clone, Copy)]
struct There {
    id: u64,
    /// In which it would own the actor.
    session: u64,
}

/// Why an actor stays.
enum Stay {
    /// It goes on here.
    Here(MoveError),
    /// It does not go on here either.
    Over(MoveError, End),
}

async fn ask(
    shared: &Shared,
    moving: &Moving,
    question: Question,
    body: Bytes,
    deadline: Instant,
) -> Result<Bytes, MoveError> {
    let asked = shared
        .neighbours
        .ask(&moving.order.to, question, body, deadline, moving.trace.handle());
    asked.await.map_err(refusal)
}

/// What a fault of the target means for the move.
fn refusal(fault: Fault) -> MoveError {
    match fault.kind {
        FaultKind::NoResponders | FaultKind::Unreachable | FaultKind::DeadlineExceeded | FaultKind::Draining => {
            MoveError::Unreachable(fault)
        }
        _ => MoveError::Refused(fault.message),
    }
}
