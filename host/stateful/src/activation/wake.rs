//! Making an actor ours, and waking it.

use std::sync::Arc;
use std::time::Instant;

use lattice_core::stateful::Cause;
use lattice_core::{Durability, Fault, FaultKind, KeyedActor, MemberId};
use tracing::{debug, info};

use super::{HOUSEKEEPING, unavailable};
use crate::failover::TakingOver;
use crate::ownership::{Claim, claim};
use crate::ports::{Instance, SharedKind, WakeError, Waking};
use crate::record::{Owner, Record, State};
use crate::runtime::Shared;
use crate::session::{Fenced, Standing};
use crate::store::{StoreError, SwapError};

/// An actor that is ours, awake.
pub(crate) struct Awake {
    pub(crate) actor: KeyedActor,
    pub(crate) instance: Box<dyn Instance>,
    pub(crate) standing: Standing,
    pub(crate) record: Record,
    pub(crate) state: State,
    pub(crate) revision: u64,
}

/// Why it is not.
#[derive(Clone, Debug)]
pub(crate) enum NotAwake {
    /// Another host has it.
    Elsewhere(MemberId),
    /// It cannot be had, for this reason.
    Failed(Fault),
}

/// Makes an actor ours, unless another host that answers has it, and wakes it. `unreachable` says that the caller could not reach its owner:
/// then that one's session is ended, which takes its time.
pub(crate) async fn revive(
    shared: &Arc<Shared>,
    kind: &SharedKind,
    actor: &KeyedActor,
    unreachable: bool,
) -> Result<Awake, NotAwake> {
    let standing = shared.session.current().await;
    let me = shared.as_owner(standing.id);
    let mut out = None;
    loop {
        let (record, revision) = shared.store.read(actor).await.map_err(store_failed)?;
        match claim(record.as_ref(), &me, |owner| out.as_ref() == Some(owner)) {
            Claim::Ours if !shared.doubtful.lock().contains(actor) => {
                let record = record.unwrap_or_else(Record::new);
                if let Some(awake) = shared.adopt_staged(actor, &record, revision) {
                    return Ok(awake);
                }
                return wake(shared, kind, actor, standing, record, revision, Cause::Reactivated).await;
            }
            ours_or_free @ (Claim::Ours | Claim::Take(_)) => {
                // Whatever was staged here is older than what the record says now.
                shared.forget_staged(actor);
                let cause = match ours_or_free {
                    Claim::Take(cause) => cause,
                    Claim::Ours | Claim::Elsewhere(_) => Cause::Recovered,
                };
                let record = record.unwrap_or_else(Record::new);
                let taking_over = out.as_ref().filter(|_| cause == Cause::Recovered).map(|owner| {
                    let failover = shared.session.failover_of(owner);
                    TakingOver::begin(&shared.tracer, failover.as_ref())
                });
                let taken = take(shared, kind, actor, standing.clone(), record, revision, cause).await;
                if let Some(taking_over) = taking_over {
                    taking_over.end(actor, &taken);
                }
                match taken {
                    Ok(Some(awake)) => return Ok(awake),
                    Ok(None) => debug!(%actor, "another host was quicker"),
                    Err(error) => return Err(error),
                }
            }
            Claim::Elsewhere(owner) => {
                let over = shared.session.is_out(&owner).await.unwrap_or(false);
                if !over && !unreachable {
                    return Err(NotAwake::Elsewhere(owner.member));
                }
                end_session(shared, kind, &owner).await?;
                out = Some(owner);
            }
        }
    }
}

/// Writes an actor's record as ours, and wakes it; none if another host was quicker.
async fn take(
    shared: &Arc<Shared>,
    kind: &SharedKind,
    actor: &KeyedActor,
    standing: Standing,
    mut record: Record,
    revision: u64,
    cause: Cause,
) -> Result<Option<Awake>, NotAwake> {
    record.hand_to(shared.as_owner(standing.id), revision);
    let revision = match shared.store.swap(actor, &mut record, revision).await {
        Ok(revision) => revision,
        Err(SwapError::Overtaken) => return Ok(None),
        Err(SwapError::Store(error)) => return Err(store_failed(error)),
    };
    shared.doubtful.lock().remove(actor);
    if cause == Cause::Recovered {
        info!(%actor, epoch = record.epoch, "took an actor over");
        let details = vec![("epoch", record.epoch.to_string())];
        shared.neighbours.tell(actor, "taken over after a loss", details);
    }
    wake(shared, kind, actor, standing, record, revision, cause)
        .await
        .map(Some)
}

/// Ends the session of an owner, and waits as long as this kind of actor demands.
async fn end_session(shared: &Shared, kind: &SharedKind, owner: &Owner) -> Result<(), NotAwake> {
    let since = match shared.session.fence(owner).await {
        Ok(Fenced::LetGo) => return Ok(()),
        Ok(Fenced::Out(since)) => since,
        Ok(Fenced::Alive) => return Err(NotAwake::Elsewhere(owner.member.clone())),
        Err(error) => return Err(NotAwake::Failed(unavailable(&error))),
    };
    match kind.policy().durability {
        Durability::Commit => {}
        // Nothing but time keeps its former owner from answering.
        Durability::Checkpoint(_) | Durability::Volatile => {
            tokio::time::sleep_until((since + shared.timing.slow_takeover).into()).await;
        }
    }
    Ok(())
}

async fn wake(
    shared: &Arc<Shared>,
    kind: &SharedKind,
    actor: &KeyedActor,
    standing: Standing,
    record: Record,
    revision: u64,
    cause: Cause,
) -> Result<Awake, NotAwake> {
    let state = shared
        .store
        .get_state(actor, &record.state)
        .await
        .map_err(store_failed)?;
    let instance = instance(kind, actor, &record, &state, cause).await.map_err(|error| {
        let details = vec![("error", error.to_string())];
        shared.neighbours.tell(actor, "does not wake and is put down", details);
        NotAwake::Failed(wake_failed(actor, &error))
    })?;
    Ok(Awake {
        actor: actor.clone(),
        instance,
        standing,
        record,
        state,
        revision,
    })
}

/// Wakes an instance from what is known of an actor.
pub(crate) async fn instance(
    kind: &SharedKind,
    actor: &KeyedActor,
    record: &Record,
    state: &State,
    cause: Cause,
) -> Result<Box<dyn Instance>, WakeError> {
    let from_version = record.component.filter(|wrote| *wrote != kind.component());
    let cause = if from_version.is_some() && cause != Cause::Created {
        Cause::Upgraded
    } else {
        cause
    };
    kind.wake(Waking {
        actor: actor.clone(),
        epoch: record.epoch,
        cause,
        from_version,
        image: state.image.clone(),
        cells: state.cells.clone(),
        deadline: Instant::now() + HOUSEKEEPING,
    })
    .await
}

fn wake_failed(actor: &KeyedActor, error: &WakeError) -> Fault {
    match error {
        WakeError::Failed(fault) => {
            let mut fault = fault.clone();
            fault.message = format!("`{actor}` cannot be woken: {}", fault.message);
            fault
        }
        WakeError::Refused(refusal) => Fault::new(FaultKind::Trap, format!("`{actor}` refuses to be woken: {refusal}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn store_failed(error: StoreError) -> NotAwake {
    NotAwake::Failed(unavailable(&crate::chain(&error)))
}
