//! What the rest of a host gives to, and hears from, its stateful actors.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::SpanRef;
use lattice_core::stateful::{Cause, Cells, Effects, Image, Lane, PeerSend, Refusal, Saved, StopReason};
use lattice_core::{
    CallAddress, Digest, Fault, InvocationId, KeyedActor, Limits, MemberId, Stateful, VersionedInterface,
};
use uuid::Uuid;

pub use crate::record::{Answer, Due};

/// All actors of one name on this host: a component joined with its links.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// The component.
    fn component(&self) -> Digest;

    /// How state is kept.
    fn policy(&self) -> &Stateful;

    /// What one actor may use.
    fn limits(&self) -> &Limits;

    /// Whether a turn may call out. Then none is begun before those before it are stored: what it tells others must not come to nothing.
    fn reaches_out(&self) -> bool;

    /// Wakes one actor.
    ///
    /// # Errors
    /// When the actor will not be woken, or dies of it.
    async fn wake(&self, waking: Waking) -> Result<Box<dyn Instance>, WakeError>;
}

/// One live actor. One thing at a time.
#[async_trait]
pub trait Instance: Send {
    /// Runs a turn.
    ///
    /// # Errors
    /// The fault of the turn. Whether the actor lives on says [`is_dead`](Self::is_dead).
    async fn serve(&mut self, call: &Call, turn: Turn) -> Result<(Answer, Effects), Fault>;

    /// Runs the turn of a reminder.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    async fn fire(&mut self, due: &Due, turn: Turn) -> Result<(Result<(), Refusal>, Effects), Fault>;

    /// Has the actor write itself down.
    ///
    /// # Errors
    /// When it dies of it.
    async fn save(&mut self, deadline: Instant) -> Result<Saved, Fault>;

    /// Puts it to rest.
    async fn rest(self: Box<Self>, why: StopReason, deadline: Instant);

    /// Whether it cannot be used any more.
    fn is_dead(&self) -> bool;

    /// Its linear memory.
    fn memory_bytes(&self) -> u64;

    /// What of the host's it still holds between turns, by name. It cannot travel.
    fn open_handles(&self) -> Vec<String>;
}

/// What an actor is woken with.
#[derive(Clone, Debug)]
pub struct Waking {
    /// Who it is.
    pub actor: KeyedActor,
    /// Which ownership this is.
    pub epoch: u64,
    /// Why it comes to life here.
    pub cause: Cause,
    /// The component that wrote the image, when that was another one.
    pub from_version: Option<Digest>,
    /// What it wrote down last.
    pub image: Option<Image>,
    /// What it keeps with the host.
    pub cells: Cells,
    /// When it has to be awake.
    pub deadline: Instant,
}

/// Why an actor is not awake.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WakeError {
    /// It will not.
    #[error("it refuses to be woken: {0}")]
    Refused(#[source] Refusal),
    /// It died of it.
    #[error("it cannot be woken: {0}")]
    Failed(Fault),
}

/// A call to one stateful actor.
#[derive(Debug)]
pub struct Call {
    /// Which actor, and how the call is told from others when it is made again.
    pub address: CallAddress,
    /// The stateful actor that makes it, if one does.
    pub sender: Option<KeyedActor>,
    /// The interface called.
    pub interface: VersionedInterface,
    /// The function of it.
    pub function: String,
    /// For traces and logs.
    pub invocation: InvocationId,
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The trace to continue.
    pub trace: Option<SpanRef>,
    /// Whatever the two ends agree on besides the body.
    pub head: Bytes,
    /// The bulk.
    pub body: Bytes,
}

/// What a turn is told.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Names the message: the same when it comes again.
    pub id: Uuid,
    /// When it has to be over.
    pub deadline: Instant,
    /// For traces and logs.
    pub invocation: InvocationId,
    /// The trace to continue.
    pub trace: Option<SpanRef>,
    /// The stateful actor that sent the message, if one did.
    pub sender: Option<KeyedActor>,
    /// The actors that wait for the answer, this one the last.
    pub chain: Vec<KeyedActor>,
    /// In milliseconds since 1970.
    pub now_ms: u64,
}

/// What hosts ask of each other about stateful actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether an actor could move here, and in which session that would be.
    Prepare,
    /// Makes an actor ready here, without letting it act.
    Stage,
    /// It is yours now.
    Switch,
    /// It is not coming after all.
    Unstage,
    /// A reminder of an actor of yours may be due.
    Wake,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Prepare, Self::Stage, Self::Switch, Self::Unstage, Self::Wake];

    /// The word for it on the wire.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Prepare => "actor-prepare",
            Self::Stage => "actor-stage",
            Self::Switch => "actor-switch",
            Self::Unstage => "actor-unstage",
            Self::Wake => "actor-wake",
        }
    }

    /// Which actor it is about; none where the body is no question.
    pub fn about(body: &[u8]) -> Option<KeyedActor> {
        // Each names it, whatever else it says.
        crate::moves::about_whom(body).ok()
    }

    /// The question that a word on the wire stands for.
    pub fn from_verb(verb: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|question| question.verb() == verb)
    }
}

/// The other hosts.
#[async_trait]
pub trait Neighbours: Send + Sync + 'static {
    /// Asks another host something.
    ///
    /// # Errors
    /// Why there is no answer. [`Fault::is_safe_to_retry`] says whether it was surely not heard.
    async fn ask(
        &self,
        host: &MemberId,
        question: Question,
        body: Bytes,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<Bytes, Fault>;

    /// Delivers a message of one stateful actor to another, wherever that lives. The call's id and number are the same each time, whichever
    /// host sends it.
    ///
    /// # Errors
    /// Why it is not certain that the message was taken.
    async fn deliver(
        &self,
        from: &KeyedActor,
        send: &PeerSend,
        call: Uuid,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Result<(), Refusal>, Fault>;

    /// The hosts that could keep actors of this kind now, this one among them if it could.
    fn hosts_for(&self, actor: &KeyedActor) -> Vec<MemberId>;

    /// Tells operators something that happened to an actor.
    fn tell(&self, actor: &KeyedActor, what: &'static str, details: Details);
}

/// Facts of an event, for people.
pub type Details = Vec<(&'static str, String)>;

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.component().short())
    }
}

/// A kind, shared.
pub type SharedKind = Arc<dyn Kind>;
