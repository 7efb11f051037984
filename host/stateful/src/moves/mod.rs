//! An actor goes on elsewhere while it runs.
//!
//! ```text
//! PREPARE  target: says in which session it would be, and fetches large state           the actor runs
//! SEAL     source: begins no more turns, waits for the write on its way                 ── the pause begins
//! SNAPSHOT source: has the actor write itself down
//! STAGE    target: wakes it, without letting it act
//! COMMIT   source: writes the record, all of it, with the target as its owner           the one point where it changes hands
//! SWITCH   target: lets it act; source: sends those who wait there                      ── the pause ends
//! CLEAN    source: puts its instance to rest
//! ```
//!
//! Before COMMIT, any failure leaves the actor where it is. After it, the record says whose it is: should the target not hear of it, it
//! finds out with the first call. A source that does not know whether COMMIT was done asks until it does, and serves nothing meanwhile.

mod source;
mod target;
mod trace;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_capability::SpanRef;
use lattice_core::{Fault, KeyedActor, MemberId};
use tokio::sync::oneshot;

use crate::record::Owner;
use crate::runtime::{Runtime, Shared};
use crate::store::{StoreError, SwapError};

pub(crate) use target::{Prefetched, Staged};
use trace::MoveTrace;

/// What operators are told when an actor has moved.
pub const MOVED: &str = "moved";

/// A step of a move, for who looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The target makes ready.
    Prepare,
    /// No more turns are begun.
    Seal,
    /// The actor writes itself down.
    Snapshot,
    /// The target wakes it.
    Stage,
    /// It changes hands.
    Commit,
    /// The target lets it act.
    Switch,
    /// The source forgets it.
    Clean,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Prepare,
        Self::Seal,
        Self::Snapshot,
        Self::Stage,
        Self::Commit,
        Self::Switch,
        Self::Clean,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Seal => "seal",
            Self::Snapshot => "snapshot",
            Self::Stage => "stage",
            Self::Commit => "commit",
            Self::Switch => "switch",
            Self::Clean => "clean",
        }
    }

    /// What its span is called.
    fn span_name(self) -> &'static str {
        match self {
            Self::Prepare => "move prepare",
            Self::Seal => "move seal",
            Self::Snapshot => "move snapshot",
            Self::Stage => "move stage",
            Self::Commit => "move commit",
            Self::Switch => "move switch",
            Self::Clean => "move clean",
        }
    }
}

/// Is told of each phase as it begins. Must not block.
pub type Progress = Arc<dyn Fn(Phase) + Send + Sync>;

/// An order to move.
pub struct MoveOrder {
    /// Who.
    pub actor: KeyedActor,
    /// Where to.
    pub to: MemberId,
    /// Who ordered it, if that was a person or a controller.
    pub by: Option<String>,
    /// The longest pause. A move that would take longer before it changes hands is given up.
    pub pause_max: Duration,
    /// Who looks on.
    pub progress: Progress,
    /// What it is part of.
    pub trace: Option<SpanRef>,
}

impl Moving {
    /// A phase begins.
    async fn enter(&self, phase: Phase) {
        self.trace.enter(phase);
        (self.order.progress)(phase);
        #[cfg(feature = "sabotage")]
        crate::sabotage::reached(phase).await;
    }
}

/// A move under way.
pub(crate) struct Moving {
    order: MoveOrder,
    trace: MoveTrace,
}

/// A move that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How long the actor began no turn; zero for one that was at rest.
    pub pause: Duration,
    /// The bytes of its state.
    pub bytes: u64,
    /// The epoch of the new ownership.
    pub epoch: u64,
}

/// Why an actor has not moved. It is where it was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// This host does not have it.
    #[error("it is not here")]
    NotHere(Option<MemberId>),
    /// It is where it should go.
    #[error("it is there already")]
    AlreadyThere,
    /// The target will not have it, or the actor will not be woken there.
    #[error("the target does not take it: {0}")]
    Refused(String),
    /// The target does not answer.
    #[error("the target cannot be reached: {0}")]
    Unreachable(Fault),
    /// The pause would have been too long.
    #[error("the pause would have been longer than {}: given up while it was to {}", Millis(*max), .phase.name())]
    TooSlow {
        /// The longest allowed.
        max: Duration,
        /// What was being done.
        phase: Phase,
    },
    /// It holds what cannot travel.
    #[error("it still holds {} of this host, which cannot travel; a turn has to close what it opens", .0.join(", "))]
    Holds(Vec<String>),
    /// It could not be written down.
    #[error("it cannot be saved: {0}")]
    Save(Fault),
    /// The record cannot be written now.
    #[error("its record cannot be written: {0}")]
    Store(String),
    /// It was lost to another host meanwhile, or died.
    #[error("it came to an end here meanwhile")]
    Gone,
}

/// A move as the actor's own task is asked for it: the target is prepared.
pub(crate) struct Departure {
    pub(crate) moving: Arc<Moving>,
    /// The session of the target in which it would own the actor.
    pub(crate) session: u64,
    pub(crate) done: oneshot::Sender<Result<Moved, MoveError>>,
}

/// An actor that has gone. Whoever ordered it is told once nothing of it is left.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) to: MemberId,
    pub(crate) moved: Moved,
    pub(crate) done: oneshot::Sender<Result<Moved, MoveError>>,
}

impl Runtime {
    /// Moves an actor from this host to another. Returns when it acts there.
    ///
    /// # Errors
    /// [`MoveError`], and the actor is where it was, except for [`MoveError::Gone`].
    pub async fn move_actor(&self, order: MoveOrder) -> Result<Moved, MoveError> {
        let trace = MoveTrace::begin(&self.shared.tracer, order.trace.as_ref());
        let moving = Arc::new(Moving { order, trace });
        let outcome = self.move_untold(&moving).await;
        let order = &moving.order;
        moving.trace.end(order, &outcome);
        if let Ok(moved) = &outcome {
            let mut details = vec![
                ("to", order.to.to_string()),
                ("pause_us", moved.pause.as_micros().to_string()),
                ("bytes", moved.bytes.to_string()),
                ("epoch", moved.epoch.to_string()),
            ];
            details.extend(order.by.clone().map(|by| ("by", by)));
            self.shared.neighbours.tell(&order.actor, MOVED, details);
        }
        outcome
    }

    async fn move_untold(&self, moving: &Arc<Moving>) -> Result<Moved, MoveError> {
        let (shared, order) = (&self.shared, &moving.order);
        if order.to == shared.me {
            return Err(MoveError::AlreadyThere);
        }
        let (record, _) = shared.store.read(&order.actor).await?;
        let record = record.ok_or(MoveError::NotHere(None))?;
        let standing = shared.session.current().await;
        match &record.owner {
            Some(owner) if owner.member == shared.me && owner.session == standing.id => {}
            Some(owner) if owner.member == order.to => return Err(MoveError::AlreadyThere),
            other => return Err(MoveError::NotHere(other.as_ref().map(|owner| owner.member.clone()))),
        }
        let session = source::prepare(shared, moving, &record).await?;
        loop {
            let Some(kind) = shared.kind(&order.actor.name) else {
                return Err(MoveError::NotHere(None));
            };
            let (done, outcome) = oneshot::channel();
            let departure = Departure {
                moving: Arc::clone(moving),
                session,
                done,
            };
            shared.depart(&order.actor, kind, departure).await?;
            if let Ok(outcome) = outcome.await {
                return outcome;
            }
            // It was put to rest before it came to that.
        }
    }
}

impl Shared {
    /// Has an actor at rest change hands, by its record alone; none if it stays. Only for the task that alone could wake it.
    pub(crate) async fn leave(&self, departure: Departure) -> Option<Leaving> {
        let moved = self.hand_over(&departure).await;
        let (to, done) = (departure.moving.order.to.clone(), departure.done);
        match moved {
            Ok(moved) => Some(Leaving { to, moved, done }),
            Err(error) => {
                // Whoever asked may be gone.
                let _ = done.send(Err(error));
                None
            }
        }
    }

    async fn hand_over(&self, departure: &Departure) -> Result<Moved, MoveError> {
        let order = &departure.moving.order;
        let (record, revision) = self.store.read(&order.actor).await?;
        let me = self.as_owner(self.session.current().await.id);
        let mut record = record
            .filter(|record| record.owner.as_ref() == Some(&me))
            .ok_or(MoveError::Gone)?;
        let owner = Owner {
            member: order.to.clone(),
            session: departure.session,
        };
        record.hand_to(owner, revision);
        match self.store.swap(&order.actor, &mut record, revision).await {
            Ok(_) => Ok(Moved {
                pause: Duration::ZERO,
                bytes: record.state.bytes(),
                epoch: record.epoch,
            }),
            Err(SwapError::Overtaken) => Err(MoveError::Gone),
            Err(SwapError::Store(error)) => Err(error.into()),
        }
    }
}

impl MoveError {
    /// What kind it is, in a word: the `error.type` of traces.
    fn code(&self) -> &'static str {
        match self {
            Self::NotHere(_) => "not-here",
            Self::AlreadyThere => "already-there",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TooSlow { .. } => "too-slow",
            Self::Holds(_) => "holds-resources",
            Self::Save(_) => "save",
            Self::Store(_) => "store",
            Self::Gone => "gone",
        }
    }
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        Self::Store(crate::chain(&error))
    }
}

/// Asks about one actor.
pub(crate) fn about(actor: &KeyedActor) -> Bytes {
    wire::encode(&wire::About { actor: actor.clone() })
}

/// Which actor is asked about.
pub(crate) fn about_whom(body: &[u8]) -> Result<KeyedActor, Fault> {
    wire::decode(body).map(|wire::About { actor }| actor)
}

/// Says when the next reminder is due.
pub(crate) fn next(due_ms: Option<u64>) -> Bytes {
    wire::encode(&wire::Next { due_ms })
}

/// Reads when the next reminder is due.
pub(crate) fn next_due(body: &[u8]) -> Result<Option<u64>, Fault> {
    wire::decode(body).map(|wire::Next { due_ms }| due_ms)
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_millis())
    }
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Departure({:?})", self.moving.order)
    }
}

impl fmt::Debug for MoveOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.actor, self.to)
    }
}
