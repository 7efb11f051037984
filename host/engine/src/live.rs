//! Stateful actors from inside: what they are woken with and told, and what their host keeps for them meanwhile.

mod cells;
mod outbox;
mod state;

use std::time::Instant;

use lattice_capability::SpanRef;
use lattice_core::stateful::{Cause, Cells, Image, Refusal};
use lattice_core::{Fault, InvocationId, KeyedActor};
use uuid::Uuid;

pub(crate) use self::cells::NoCell;
pub(crate) use self::state::{LiveState, Phase};

/// What an actor is woken with.
#[derive(Clone, Debug)]
pub struct Waking {
    /// Who it is.
    pub actor: KeyedActor,
    /// Which ownership this is.
    pub epoch: u64,
    /// Why it comes to life here.
    pub cause: Cause,
    /// The digest of the component that saved the image, when that was another one.
    pub from_version: Option<String>,
    /// What it last saved.
    pub image: Option<Image>,
    /// Its cells.
    pub cells: Cells,
    /// The most bytes that its cells may have together, keys included.
    pub state_bytes_max: u64,
    /// When it has to be awake.
    pub deadline: Instant,
    /// The trace to continue.
    pub trace: Option<SpanRef>,
}

/// What an actor is told about a turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The invocation.
    pub invocation: InvocationId,
    /// The trace to continue.
    pub trace: Option<SpanRef>,
    /// Names the message that is served, and stays the same when it is served again.
    pub id: Uuid,
    /// The stateful actor that sent it, if one did.
    pub sender: Option<KeyedActor>,
    /// The actors that wait for the answer, this one the last.
    pub chain: Vec<KeyedActor>,
    /// What time it is for the whole turn, in milliseconds since 1970.
    pub now_ms: u64,
}

/// Why an actor was not woken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WakeError {
    /// It said no.
    #[error("the actor refused to wake: {0}")]
    Refused(Refusal),
    /// It died of it, or could not be begun.
    #[error("the actor could not be woken: {0}")]
    Failed(Fault),
}
