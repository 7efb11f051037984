//! What the host gives an actor through its links. The engine asks; the node answers.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::{KeyValue, Messaging, OutgoingHttp, SpanRef};
use lattice_core::stateful::Refusal;
use lattice_core::{
    ActorKey, Fault, FunctionSet, InterfaceId, InvocationId, KeyedActor, LinkId, LinkLabel, TraceId, VersionedInterface,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::values::{Args, Values};

/// Resolves an actor's links while it runs.
///
/// What the actor may link was decided when it was started; these are asked on every call, so that a link that is withdrawn
/// stops working at once.
#[async_trait]
pub trait Linked: Send + Sync + 'static {
    /// Returns the key-value store that the link for this need leads to.
    ///
    /// # Errors
    ///
    /// [`lattice_core::FaultKind::Denied`] when there is no such link now.
    fn keyvalue(&self, need: Need<'_>) -> Result<Granted<dyn KeyValue>, Fault>;

    /// Returns the broker that the link for this need leads to.
    ///
    /// # Errors
    ///
    /// [`lattice_core::FaultKind::Denied`] when there is no such link now.
    fn messaging(&self, need: Need<'_>) -> Result<Granted<dyn Messaging>, Fault>;

    /// Returns what sends the actor's HTTP requests.
    ///
    /// # Errors
    ///
    /// [`lattice_core::FaultKind::Denied`] when there is no such link now.
    fn outgoing_http(&self, need: Need<'_>) -> Result<Granted<dyn OutgoingHttp>, Fault>;

    /// Whether the actor has a link for `interface` under `label`.
    fn has_link(&self, interface: &InterfaceId, label: &LinkLabel) -> bool;

    /// Calls a function of another actor.
    ///
    /// # Errors
    ///
    /// The fault of the callee, or why it could not be reached.
    async fn call(&self, call: OutgoingCall<'_>) -> Result<Values, Fault>;

    /// Calls the peer-handler of another stateful actor.
    ///
    /// # Errors
    ///
    /// The fault of the callee, or why it could not be reached. The callee's own no is no fault.
    async fn call_peer(&self, call: PeerCall) -> Result<Result<Bytes, Refusal>, Fault> {
        Err(Fault::denied(format!("there is no link to `{}`", call.to)))
    }

    /// Takes a line that the actor logged. Called from the guest's own task: must not block.
    fn log(&self, line: LogLine<'_>);
}

/// One thing that an actor wants to use.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// The interface it calls.
    pub interface: &'a InterfaceId,
    /// The function of it, as WIT spells it.
    pub function: &'a str,
    /// Which of its links it chose.
    pub label: &'a LinkLabel,
}

/// A capability, and the link that grants it.
pub struct Granted<T: ?Sized> {
    /// What to call.
    pub capability: Arc<T>,
    /// The link.
    pub link: LinkId,
}

/// A call of an actor to another one.
#[derive(Clone, Debug)]
pub struct OutgoingCall<'a> {
    /// The interface as the caller imports it.
    pub interface: VersionedInterface,
    /// Which of its links the caller chose.
    pub label: LinkLabel,
    /// The arguments, and the type the caller imports the function with.
    pub args: Args<'a>,
    /// The invocation that the call is part of.
    pub origin: Origin,
    /// The key of the actor that is meant, if the caller chose one.
    pub key: Option<ActorKey>,
    /// With a key: how many calls to actors with keys the caller made before, in this turn or invocation.
    pub nth: u32,
}

/// A call of an actor to the peer-handler of a stateful one.
#[derive(Clone, Debug)]
pub struct PeerCall {
    /// Whom it is for.
    pub to: KeyedActor,
    /// What it asks for, in the actors' own words.
    pub operation: String,
    /// The actors' own bytes.
    pub body: Bytes,
    /// Which of its links the caller chose.
    pub label: LinkLabel,
    /// The invocation that the call is part of.
    pub origin: Origin,
    /// How many calls to actors with keys the caller made before, in this turn or invocation.
    pub nth: u32,
}

impl OutgoingCall<'_> {
    /// The function, as WIT spells it.
    #[must_use]
    pub fn function(&self) -> &str {
        self.args.signature().name()
    }
}

/// What a call inherits from the invocation it is made in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The invocation.
    pub invocation: InvocationId,
    /// The trace to continue.
    pub trace: Option<SpanRef>,
    /// The turn of a stateful actor that it is.
    pub turn: Option<Arc<TurnRef>>,
}

/// Names a turn of a stateful actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRef {
    /// Whose turn it is.
    pub actor: KeyedActor,
    /// The actors that wait for its answer, this one the last.
    pub chain: Vec<KeyedActor>,
    /// The message that is served.
    pub id: Uuid,
}

/// A line that an actor logged: cut to size, without control characters.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// How much it matters.
    pub level: LogLevel,
    /// How it left the guest.
    pub source: LogSource,
    /// What the guest says that it is about. Empty for what it just wrote.
    pub context: &'a str,
    /// What it says.
    pub message: &'a str,
    /// The invocation that it was logged in.
    pub within: Within<'a>,
}

impl<'a> LogLine<'a> {
    /// What it is about: the guest's own word, or the stream it was written to.
    #[must_use]
    pub fn about(&self) -> &'a str {
        match self.source {
            LogSource::Stdout => "stdout",
            LogSource::Stderr => "stderr",
            LogSource::Logging => self.context,
        }
    }
}

/// What a line was logged in, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Within<'a> {
    /// The key of the stateful actor that logged it.
    pub key: Option<&'a ActorKey>,
    /// The trace of the call that was served.
    pub trace: Option<TraceId>,
}

/// How a log line left the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// It was written to standard output.
    Stdout,
    /// It was written to standard error.
    Stderr,
    /// By `wasi:logging`, or the host speaks for the guest.
    Logging,
}

/// How much a log line matters, in the words of `wasi:logging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// Says what an actor may link when it is started.
pub trait Grants {
    /// Returns the functions of `interface` that the actor's links open, of all labels together; `None` without a link.
    fn granted(&self, interface: &VersionedInterface) -> Option<FunctionSet>;
}

impl<F: Fn(&VersionedInterface) -> Option<FunctionSet>> Grants for F {
    fn granted(&self, interface: &VersionedInterface) -> Option<FunctionSet> {
        self(interface)
    }
}
