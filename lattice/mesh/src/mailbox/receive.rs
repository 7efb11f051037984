//! Handing what is wanted to the receiver, be it from another member or from this one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use lattice_core::{ActiveLink, CallAddress, Fault, FaultKind, InvocationId, MemberId};
use lattice_telemetry::SpanRef;

use super::Mailbox;
use crate::spans::{Done, Taking};
use crate::wire::CallRoute;
use crate::{Body, IncomingAsk, IncomingCall, Receiver, Reply, TraceContext};

/// The longest a call may take, whatever its caller says; also keeps the arithmetic of times far from its ends.
pub(super) const BUDGET_MAX: Duration = Duration::from_secs(24 * 3600);

/// A call that a link grants.
pub(super) struct Granted<'a> {
    pub(super) id: InvocationId,
    pub(super) origin: MemberId,
    pub(super) route: &'a CallRoute,
    pub(super) link: Arc<ActiveLink>,
    pub(super) address: Option<CallAddress>,
    pub(super) deadline: Instant,
    pub(super) trace: Option<TraceContext>,
    pub(super) head: Bytes,
    pub(super) body: Body,
}

/// A call to a stateful actor that this member itself makes, and that stays here.
#[derive(Debug)]
pub(crate) struct OwnCall<'a> {
    pub(crate) id: InvocationId,
    pub(crate) route: &'a CallRoute,
    pub(crate) address: CallAddress,
    pub(crate) deadline: Instant,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) head: Bytes,
    pub(crate) body: Body,
}

impl Mailbox {
    /// Takes a call of this member's own, as if it had come in. It counts neither as a call of others nor against a rate.
    pub(crate) async fn receive_own(&self, call: OwnCall<'_>) -> Result<Done, Fault> {
        if let Some(draining) = self.refuses_all() {
            return Err(draining);
        }
        let granted = Granted {
            id: call.id,
            origin: self.me.address.member.clone(),
            route: call.route,
            link: self.granting(call.route)?,
            address: Some(call.address),
            deadline: call.deadline,
            trace: call.trace,
            head: call.head,
            body: call.body,
        };
        self.receive(granted).await
    }

    /// Takes what this host asks of itself, as if it had come in.
    pub(crate) async fn receive_own_ask(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        let deadline = ask.deadline;
        tokio::time::timeout_at(deadline.into(), self.receive_ask(ask))
            .await
            .map_err(|_| too_late())?
    }

    /// Hands a call to the receiver, within the limits of its link.
    pub(super) async fn receive(&self, call: Granted<'_>) -> Result<Done, Fault> {
        let taking = Taking::begin(&self.tracer, &self.instruments, call.route, call.trace.as_ref());
        let outcome = self.hand_over(call, taking.handle()).await;
        taking.end(outcome)
    }

    async fn hand_over(&self, call: Granted<'_>, span: Option<SpanRef>) -> Result<Reply, Fault> {
        let limits = &call.link.limits;
        let limited = limits
            .deadline_ms
            .map(|most| Instant::now() + Duration::from_millis(most).min(BUDGET_MAX));
        let deadline = limited.map_or(call.deadline, |limited| call.deadline.min(limited));
        let body = match limits.payload_bytes_max {
            Some(most) => within(call.body, most)?,
            None => call.body,
        };
        let incoming = IncomingCall {
            id: call.id,
            origin: call.origin,
            source: call.route.source.clone(),
            target: call.route.target.clone(),
            address: call.address,
            link: call.link,
            interface: call.route.interface.clone(),
            function: call.route.function.clone(),
            deadline,
            trace: span,
            head: call.head,
            body,
        };
        let work = caught(self.receiver()?.receive(incoming));
        // The caller's own deadline is its own to watch, or that of `run_within`.
        match limited {
            Some(_) => tokio::time::timeout_at(deadline.into(), work)
                .await
                .map_err(|_| too_late())?,
            None => work.await,
        }
    }

    /// Hands to the receiver what another host asks.
    pub(super) async fn receive_ask(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        caught(self.receiver()?.asked(ask)).await
    }

    fn receiver(&self) -> Result<&Arc<dyn Receiver>, Fault> {
        let member = &self.me.address.member;
        self.receiver
            .get()
            .ok_or_else(|| Fault::not_here(format!("{member} does not serve calls yet"), None))
    }
}

/// Makes a panic of the receiver a fault.
async fn caught(work: impl Future<Output = Result<Reply, Fault>>) -> Result<Reply, Fault> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_panic| {
        tracing::error!("a receiver panicked");
        Err(Fault::internal("the receiver panicked"))
    })
}

/// The body, as long as it is not longer than its link allows.
fn within(body: Body, limit: u64) -> Result<Body, Fault> {
    let too_large = move || {
        Fault::new(
            FaultKind::TooLarge,
            format!("the link allows requests of {limit} bytes"),
        )
    };
    let chunks = match body {
        Body::Stream(chunks) => chunks,
        Body::Inline(bytes) if bytes.len() as u64 > limit => return Err(too_large()),
        body => return Ok(body),
    };
    let mut read = 0_u64;
    Ok(Body::stream(chunks.map(move |chunk| {
        let chunk = chunk?;
        read += chunk.len() as u64;
        if read > limit { Err(too_large()) } else { Ok(chunk) }
    })))
}

pub(super) fn too_late() -> Fault {
    Fault::new(
        FaultKind::DeadlineExceeded,
        "the deadline passed while the call was running",
    )
}
