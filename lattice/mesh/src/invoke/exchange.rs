//! One call on one session: a frame out, a frame back, bodies beside them.

use std::sync::Arc;
use std::time::Instant;

use bytes::{BufMut, Bytes};
use lattice_bus::{Headers, Message, RequestError};
use lattice_core::{Fault, FaultKind, InvocationId, subject};
use tokio_util::task::AbortOnDropHandle;

use super::attempt::{Attempt, Outgoing};
use super::{Invoker, remaining};
use crate::outbox::Outbox;
use crate::peer::{CallWatch, PROBE_AFTER, Peer};
use crate::session::Session;
use crate::spans::Done;
use crate::stream::{BodyReader, Pump, Route, Side, StreamKey, Untouched};
use crate::wire::call;
use crate::wire::{CallHead, FrameBuilder, FrameKind, Incoming, OpenKind, ReplyHead, Sealed};
use crate::{Body, Reply, size, trace};

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    Reply(Done),
    /// The peer has no such session. Not authenticated.
    UnknownSession,
}

impl Invoker {
    /// Makes the call on `session`. Dropping the future cancels the call over there.
    pub(super) async fn exchange(
        &self,
        attempt: &Attempt,
        peer: &Arc<Peer>,
        session: &Arc<Session>,
    ) -> Result<Answer, Fault> {
        let room = size::room(self.bus.max_payload());
        let room = room.checked_sub(attempt.head.len()).ok_or_else(|| {
            Fault::new(
                FaultKind::TooLarge,
                "the head of the call is longer than one message holds",
            )
        })?;
        let seq = session.next_seq();
        let (body, pump) = match attempt.outgoing(room) {
            Outgoing::Inline(bytes) => (bytes, None),
            // Before the call is sent: credit may come back at once.
            Outgoing::Stream(source) => (Bytes::new(), Some(self.start_pump(attempt.id, peer, session, source))),
        };
        let headers = trace::inject(attempt.trace.as_ref());
        let covered = trace::covered(&peer.mailbox, &headers);
        let frame = self.seal_call(attempt, covered, session, seq, &body, pump.is_some())?;
        let mut cancel = CancelOnDrop {
            outbox: &self.outbox,
            peer,
            session,
            seq,
            call: attempt.id,
            armed: true,
        };
        let answer = self.wait(attempt, peer, session, seq, headers, frame).await;
        // Once there is an answer there is nothing to cancel, nor when nobody was there.
        cancel.armed = matches!(&answer, Err(fault) if fault.kind != FaultKind::NoResponders);
        let answer = self.read(attempt, peer, session, seq, &answer?)?;
        if let (Answer::Reply(_), Some(pump)) = (&answer, pump) {
            // The reply may come before all of the request was sent. From here the pump ends by itself: when it is done, when the other side
            // wants no more, or when one of us goes.
            drop(pump.detach());
        }
        Ok(answer)
    }

    /// Waits for the answer. After a while it is looked after: a peer may die, and messages get lost.
    async fn wait(
        &self,
        attempt: &Attempt,
        peer: &Arc<Peer>,
        session: &Arc<Session>,
        seq: u64,
        headers: Headers,
        frame: Bytes,
    ) -> Result<Message, Fault> {
        let request = self.bus.request(&peer.mailbox, headers, frame, attempt.remaining()?);
        tokio::pin!(request);
        let answered = |answer: Result<Message, RequestError>| {
            answer.map_err(|error| request_fault(peer, &error, attempt.deadline))
        };
        tokio::select! {
            biased;
            answer = &mut request => return answered(answer),
            () = peer.gone() => return Err(peer.gone_fault()),
            () = tokio::time::sleep(PROBE_AFTER) => {}
        }
        let mut watch = CallWatch::outgoing(&self.peers, peer, attempt.id, session.clone(), seq);
        tokio::select! {
            biased;
            answer = &mut request => answered(answer),
            fault = watch.lost() => Err(fault),
        }
    }

    /// Authenticates the answer and takes it apart.
    fn read(
        &self,
        attempt: &Attempt,
        peer: &Peer,
        session: &Arc<Session>,
        seq: u64,
        answer: &Message,
    ) -> Result<Answer, Fault> {
        let forged = || {
            let fault = format!(
                "the answer that came is not from {}; the call may have run",
                peer.address.member
            );
            Fault::new(FaultKind::Unreachable, fault)
        };
        let frame = match Incoming::parse(&answer.payload) {
            Ok(Incoming::Sealed(frame)) if frame.session == session.id && frame.seq == seq => frame,
            Ok(Incoming::Open(OpenKind::UnknownSession, _)) => return Ok(Answer::UnknownSession),
            _ => return Err(forged()),
        };
        let kind = frame.kind;
        let (head, rest) = frame.open(&session.inbound, Sealed::default()).ok_or_else(forged)?;
        match kind {
            FrameKind::Reply => {
                let broken = |error: call::HeadError| {
                    Fault::internal(format!("the reply of {} cannot be read: {error}", peer.address.member))
                };
                let head = ReplyHead::decode(&head).map_err(broken)?;
                let (app_head, inline) = call::split(&rest, head.head_len).map_err(broken)?;
                let body = if head.streamed {
                    Body::stream(BodyReader::open(&self.streams, self.route(attempt.id, peer, session)))
                } else {
                    inline.into()
                };
                let reply = Reply { head: app_head, body };
                let kept = head.kept;
                Ok(Answer::Reply(Done { reply, kept }))
            }
            FrameKind::Fault => Err(Fault::decode(&rest)),
            _ => Err(forged()),
        }
    }

    fn seal_call(
        &self,
        attempt: &Attempt,
        covered: Sealed<'_>,
        session: &Session,
        seq: u64,
        body: &[u8],
        streamed: bool,
    ) -> Result<Bytes, Fault> {
        let budget = attempt.remaining()?;
        let head = CallHead {
            id: attempt.id,
            // At least one, so that a call is not refused for having been rounded down.
            budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX).max(1),
            streamed,
            head_len: u32::try_from(attempt.head.len()).unwrap_or(u32::MAX),
        };
        let expected = CallHead::LEN + attempt.aim.len_about() + attempt.head.len() + body.len();
        let mut builder = FrameBuilder::new(FrameKind::Call, session.id, seq, expected);
        head.encode(&attempt.aim, builder.head());
        builder.begin_body(&attempt.head);
        Ok(builder.finish(&session.outbound, covered, body))
    }

    fn start_pump(
        &self,
        call: InvocationId,
        peer: &Peer,
        session: &Arc<Session>,
        source: Arc<Untouched>,
    ) -> AbortOnDropHandle<()> {
        let pump = Pump::open(&self.streams, self.bus.clone(), self.route(call, peer, session));
        let closing = self.closing.clone();
        AbortOnDropHandle::new(self.tasks.spawn(async move {
            if let Some(end) = closing.run_until_cancelled(pump.run(&source)).await {
                tracing::trace!(%call, ?end, "request body ended");
            }
        }))
    }

    fn route(&self, call: InvocationId, peer: &Peer, session: &Arc<Session>) -> Route {
        let (member, incarnation) = (&peer.address.member, peer.address.incarnation);
        let peer_subject = subject::mailbox_stream(&self.me.lattice, member, incarnation, call).into();
        Route {
            key: StreamKey {
                call,
                side: Side::Caller,
            },
            session: session.clone(),
            peer_subject,
        }
    }
}

/// Tells the callee when nobody waits any more.
struct CancelOnDrop<'a> {
    outbox: &'a Outbox,
    peer: &'a Peer,
    session: &'a Session,
    seq: u64,
    call: InvocationId,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let mut builder = FrameBuilder::new(FrameKind::Cancel, self.session.id, self.seq, 16);
        builder.head().put_slice(self.call.as_bytes());
        let frame = builder.finish(&self.session.outbound, Sealed::to(&self.peer.mailbox), &[]);
        self.outbox.post(&self.peer.mailbox, frame);
    }
}

/// What a request that got no answer means for the call.
fn request_fault(peer: &Peer, error: &RequestError, deadline: Instant) -> Fault {
    let member = &peer.address.member;
    match error {
        RequestError::NoResponders { .. } => {
            Fault::new(FaultKind::NoResponders, format!("{member} is not there any more"))
        }
        RequestError::TimedOut { .. } => remaining(deadline).err().unwrap_or_else(|| {
            Fault::new(
                FaultKind::Unreachable,
                format!("no answer from {member}; the call may have run"),
            )
        }),
        RequestError::Denied { .. } => Fault::denied(error.to_string()).blaming(lattice_core::Blame::Host),
        RequestError::Publish(lattice_bus::PublishError::TooLarge { .. }) => {
            Fault::new(FaultKind::TooLarge, error.to_string())
        }
        error if error.was_sent() => Fault::new(FaultKind::Unreachable, format!("{error}; the call may have run")),
        error => Fault::new(FaultKind::NoResponders, error.to_string()),
    }
}
