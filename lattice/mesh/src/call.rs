//! Invocations as callers make them and as callees receive them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_core::stateful::Lane;
use lattice_core::{
    ActiveLink, ActorKey, CallAddress, Fault, FaultKind, FunctionName, InvocationId, LinkId, MemberId, Party,
    VersionedInterface,
};
use lattice_telemetry::SpanRef;
use uuid::Uuid;

use crate::{Body, IncomingAsk, dice};

/// A call to make.
#[derive(Debug)]
pub struct OutgoingCall {
    /// Names this call in traces and logs, and binds its answer to it. Unique: a retry elsewhere keeps it, a new call has a new one.
    pub id: InvocationId,
    /// Who calls. It lives on this member.
    pub source: Party,
    /// Who is called.
    pub target: Party,
    /// The link that grants it.
    pub link: LinkId,
    /// The interface called, in the caller's version of it.
    pub interface: VersionedInterface,
    /// The function of that interface.
    pub function: FunctionName,
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The span that it is made in.
    pub trace: Option<SpanRef>,
    /// Whatever the two ends agree on besides the body, such as the arguments or the head of an HTTP request. Travels in one message.
    pub head: Bytes,
    /// The bulk. Streamed when it does not fit in the message.
    pub body: Body,
}

/// Which stateful actor a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedTarget {
    /// Which of the actors of the call's target.
    pub key: ActorKey,
    /// Names the call for good; made again it has the same.
    pub call: Uuid,
    /// The caller's own numbering, for one that outlives this member; none for the member's. Without a floor of its own, the actor remembers
    /// the call for as long as it remembers any.
    pub lane: Option<Lane>,
}

impl KeyedTarget {
    /// A call that this member numbers, and forgets once it has the answer.
    pub fn new(key: ActorKey, call: Uuid) -> Self {
        Self { key, call, lane: None }
    }

    /// A call that may be made again later, by whomever: the actor remembers it for as long as it remembers any.
    pub fn lasting(key: ActorKey, call: Uuid) -> Self {
        let (id, _) = call.as_u64_pair();
        let lane = Some(Lane { id, seq: 0, floor: 0 });
        Self { key, call, lane }
    }
}

/// A call that came in and passed every check.
#[derive(Debug)]
pub struct IncomingCall {
    /// Names this call in traces and logs.
    pub id: InvocationId,
    /// The member it came from, proved by its session.
    pub origin: MemberId,
    /// Who calls; it lives on `origin`.
    pub source: Party,
    /// Who is called. Whether it lives here is the receiver's to say: see [`Fault::not_here`].
    pub target: Party,
    /// With a call to a stateful actor: which one, and how the call is told from others when it is made again.
    pub address: Option<CallAddress>,
    /// The link that grants it, from this member's own table.
    pub link: Arc<ActiveLink>,
    /// The interface called, in the caller's version of it.
    pub interface: VersionedInterface,
    /// The function of that interface.
    pub function: FunctionName,
    /// When the answer stops being of use. The receiver is dropped then.
    pub deadline: Instant,
    /// The span of the call here: what the receiver does for it belongs under that.
    pub trace: Option<SpanRef>,
    /// See [`OutgoingCall::head`].
    pub head: Bytes,
    /// See [`OutgoingCall::body`].
    pub body: Body,
}

/// The result of a call.
#[derive(Debug, Default)]
pub struct Reply {
    /// Whatever the two ends agree on besides the body.
    pub head: Bytes,
    /// The bulk. Streamed when it does not fit in the message.
    pub body: Body,
}

/// Runs the calls that come in, and answers what other hosts ask.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Runs one call.
    ///
    /// The future is dropped when the caller cancels, its process disappears, or the deadline passes; so is the body of the reply while it is
    /// being sent. How many calls run at once is the receiver's to limit: one too many is answered `Overloaded` at once.
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault>;

    /// Answers what another host asks of this one. Dropped as [`receive`](Self::receive) is.
    ///
    /// The default knows no verb.
    async fn asked(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        Err(Fault::new(
            FaultKind::NotFound,
            format!("nothing here answers `{}`", ask.verb),
        ))
    }
}

impl OutgoingCall {
    /// The time left, zero when there is none.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Makes the id of a new call.
pub fn new_invocation_id() -> InvocationId {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let mut random = [0; 10];
    random[..8].copy_from_slice(&dice::roll().to_be_bytes());
    random[8..].copy_from_slice(&dice::roll().to_be_bytes()[..2]);
    InvocationId::from_parts(u64::try_from(millis).unwrap_or(u64::MAX), random)
}
