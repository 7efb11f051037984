//! Invocations as callers make them and as callees receive them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_core::{ActiveLink, Fault, FunctionName, InvocationId, LinkId, MemberId, Party, VersionedInterface};

use crate::{Body, TraceContext, dice};

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
    /// The trace to continue.
    pub trace: Option<TraceContext>,
    /// Whatever the two ends agree on besides the body, such as the arguments or the head of an HTTP request. Travels in one message.
    pub head: Bytes,
    /// The bulk. Streamed when it does not fit in the message.
    pub body: Body,
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
    /// The link that grants it, from this member's own table.
    pub link: Arc<ActiveLink>,
    /// The interface called, in the caller's version of it.
    pub interface: VersionedInterface,
    /// The function of that interface.
    pub function: FunctionName,
    /// When the answer stops being of use. The receiver is dropped then.
    pub deadline: Instant,
    /// The trace to continue.
    pub trace: Option<TraceContext>,
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

/// Runs the calls that come in.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Runs one call.
    ///
    /// The future is dropped when the caller cancels, its process disappears, or the deadline passes; so is the body of the reply while it is
    /// being sent. How many calls run at once is the receiver's to limit: one too many is answered `Overloaded` at once.
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault>;
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
