//! Running one call that came in.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use lattice_bus::{Headers, RequestError, Subject};
use lattice_core::{ActiveLink, Fault, FaultKind, subject};
use parking_lot::Mutex;

use super::admission::Admitted;
use super::guard::{Claimed, Misplaced, check_link, check_origin};
use super::running::{CallKey, Ending};
use super::{Mailbox, fault_frame};
use crate::peer::{CallWatch, PROBE_AFTER};
use crate::session::Session;
use crate::stream::{BodyReader, Pump, Route, Side, StreamKey, settle};
use crate::wire::{
    CallHead, CallRoute, FrameBuilder, FrameKind, Incoming, OpenKind, PREFIX_LEN, ReplyHead, Sealed, call, open,
};
use crate::{Body, IncomingCall, Reply, TraceContext, size};

/// How long a member is waited for that is asked what it runs.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest a call may take, whatever its caller says; also keeps the arithmetic of times far from its ends.
const BUDGET_MAX: Duration = Duration::from_secs(24 * 3600);
/// The longest message of a fault that travels; the rest is for the log of the one who has it.
const FAULT_MESSAGE_MAX: usize = 8 * 1024;

/// A call as it came in, authenticated.
pub(super) struct Arrived {
    pub(super) session: Arc<Session>,
    pub(super) seq: u64,
    pub(super) reply: Subject,
    pub(super) head: CallHead,
    pub(super) route: Arc<CallRoute>,
    pub(super) rest: Bytes,
    pub(super) trace: Option<TraceContext>,
}

/// Takes the call off the list and gives back its place when it is over, however it ends.
struct Running<'a> {
    mailbox: &'a Mailbox,
    key: CallKey,
    place: Option<Admitted>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.mailbox.running.leave(&self.key);
        drop(self.place.take());
        self.mailbox.ended.notify_waiters();
    }
}

impl Mailbox {
    pub(super) async fn serve(self: Arc<Self>, arrived: Arrived, key: CallKey, ending: Ending, place: Admitted) {
        let _running = Running {
            mailbox: &self,
            key,
            place: Some(place),
        };
        let (session, seq, reply) = (arrived.session.clone(), arrived.seq, arrived.reply.clone());
        let deadline = Instant::now() + Duration::from_millis(arrived.head.budget_ms).min(BUDGET_MAX);
        let outcome = self
            .run_within(self.run(arrived, deadline), &session, &ending, deadline)
            .await;
        match outcome {
            Ok(done) => self.send_reply(done, &session, seq, reply, key, &ending).await,
            Err(fault) => {
                self.answer(Some(reply), fault_frame(&session, seq, &shortened(fault)))
                    .await;
            }
        }
    }

    /// Drives a call until it is done, cancelled, too late, or its caller gone.
    async fn run_within(
        &self,
        work: impl Future<Output = Result<Reply, Fault>>,
        session: &Session,
        ending: &Ending,
        deadline: Instant,
    ) -> Result<Reply, Fault> {
        tokio::pin!(work);
        // One timer for the common case: most calls are over before anybody has to look after their caller.
        let first = deadline.min(Instant::now() + PROBE_AFTER);
        tokio::select! {
            biased;
            done = &mut work => return done,
            why = ending.ended() => return Err(why),
            () = tokio::time::sleep_until(first.into()) => {}
        }
        let mut watch = self
            .peers
            .get(&session.peer)
            .map(|peer| CallWatch::serving(&self.peers, &peer));
        let caller_lost = async {
            match &mut watch {
                Some(watch) => watch.lost().await,
                // A later run of the caller is known: this one is over.
                None => Fault::new(FaultKind::Cancelled, "the caller was started anew"),
            }
        };
        tokio::select! {
            biased;
            done = &mut work => done,
            why = ending.ended() => Err(why),
            () = tokio::time::sleep_until(deadline.into()) => Err(too_late()),
            fault = caller_lost => Err(Fault::new(FaultKind::Cancelled, fault.message)),
        }
    }

    async fn run(&self, arrived: Arrived, deadline: Instant) -> Result<Reply, Fault> {
        let Arrived {
            session,
            head,
            route,
            rest,
            trace,
            ..
        } = arrived;
        let (app_head, body) = call::split(&rest, head.head_len)
            .map_err(|error| Fault::new(FaultKind::BadArguments, error.to_string()))?;
        let link = self.check(&session, &route).await?;
        let limited = link
            .limits
            .deadline_ms
            .map(|most| Instant::now() + Duration::from_millis(most).min(BUDGET_MAX));
        let deadline = limited.map_or(deadline, |limited| deadline.min(limited));
        let body = self.incoming_body(&session, &head, body, link.limits.payload_bytes_max)?;
        let receiver = self
            .receiver
            .get()
            .ok_or_else(|| Fault::not_here(format!("{} does not serve calls yet", self.me.address.member), None))?;
        let incoming = IncomingCall {
            id: head.id,
            origin: session.peer.member.clone(),
            source: route.source.clone(),
            target: route.target.clone(),
            link,
            interface: route.interface.clone(),
            function: route.function.clone(),
            deadline,
            trace,
            head: app_head,
            body,
        };
        let work = AssertUnwindSafe(receiver.receive(incoming)).catch_unwind();
        // The caller's own deadline is watched by `run_within`.
        let done = match limited {
            Some(_) => tokio::time::timeout_at(deadline.into(), work)
                .await
                .map_err(|_| too_late())?,
            None => work.await,
        };
        done.unwrap_or_else(|_panic| {
            tracing::error!("a receiver panicked");
            Err(Fault::internal("the receiver panicked"))
        })
    }

    /// The checks of a receiver: link, place of the source, rate. The session has proved the origin and the number already.
    async fn check(&self, session: &Session, route: &CallRoute) -> Result<Arc<ActiveLink>, Fault> {
        if session
            .token
            .as_ref()
            .is_some_and(|token| token.has_ended(crate::trust::now()))
        {
            return Err(Fault::denied(format!(
                "the enrolment of {} is over",
                session.peer.member
            )));
        }
        let link = self.links.current().get(&route.link).cloned();
        let link = link.ok_or_else(|| {
            Fault::denied(format!(
                "link `{}` is not in force on {}",
                route.link, self.me.address.member
            ))
        })?;
        let claimed = Claimed {
            source: &route.source,
            target: &route.target,
            interface: &route.interface,
            function: &route.function,
        };
        check_link(&link, &claimed, &self.me.address.member)?;
        self.check_origin(session, &link).await?;
        match link.limits.rate_per_second {
            Some(rate) if !self.rates.take(&link.id, &session.peer.member, rate, Instant::now()) => Err(Fault::new(
                FaultKind::Overloaded,
                format!("link `{}` allows {rate} calls a second", link.id),
            )),
            _ => Ok(link),
        }
    }

    /// Checks that the source lives where the call came from. A source that was started a moment ago may call before its host's heartbeat
    /// is here, so that the host is asked before it is told no.
    async fn check_origin(&self, session: &Session, link: &ActiveLink) -> Result<(), Fault> {
        let origin = || self.directory.run_of(&session.peer.member, session.peer.incarnation);
        let refused = |misplaced| match misplaced {
            Misplaced::Denied(fault) => fault,
            Misplaced::NotThere => Fault::denied(format!(
                "{} does not run on {}, where the call came from",
                link.source, session.peer.member
            )),
        };
        match check_origin(link, origin().as_deref()) {
            Err(Misplaced::NotThere) => {}
            checked => return checked.map_err(refused),
        }
        Box::pin(self.ask_presence(session)).await;
        check_origin(link, origin().as_deref()).map_err(refused)
    }

    async fn ask_presence(&self, session: &Session) {
        let peer = &session.peer;
        let mailbox = subject::mailbox(&self.me.lattice, &peer.member, peer.incarnation);
        let asked = self
            .bus
            .request(mailbox, Headers::new(), open::bare(OpenKind::Who), ASK_TIMEOUT)
            .await;
        match asked.as_ref().map(|answer| Incoming::parse(&answer.payload)) {
            Ok(Ok(Incoming::Open(OpenKind::Presence, presence))) => {
                self.announcer.heard(&presence);
            }
            Ok(_) => tracing::debug!(peer = %peer.member, "asked for its presence, it answered something else"),
            Err(RequestError::NoResponders { .. }) => {}
            Err(error) => tracing::debug!(peer = %peer.member, %error, "asked for its presence in vain"),
        }
    }

    fn incoming_body(
        &self,
        session: &Arc<Session>,
        head: &CallHead,
        inline: Bytes,
        limit: Option<u64>,
    ) -> Result<Body, Fault> {
        let too_large = move |limit: u64| {
            Fault::new(
                FaultKind::TooLarge,
                format!("the link allows requests of {limit} bytes"),
            )
        };
        if !head.streamed {
            return match limit {
                Some(limit) if inline.len() as u64 > limit => Err(too_large(limit)),
                _ => Ok(inline.into()),
            };
        }
        let reader = BodyReader::open(&self.streams, self.route(session, head.id));
        let Some(limit) = limit else {
            return Ok(Body::stream(reader));
        };
        let mut read = 0_u64;
        Ok(Body::stream(reader.map(move |chunk| {
            let chunk = chunk?;
            read += chunk.len() as u64;
            if read > limit { Err(too_large(limit)) } else { Ok(chunk) }
        })))
    }

    fn route(&self, session: &Arc<Session>, call: lattice_core::InvocationId) -> Route {
        let peer = &session.peer;
        let peer_subject = subject::mailbox_stream(&self.me.lattice, &peer.member, peer.incarnation, call).into();
        Route {
            key: StreamKey {
                call,
                side: Side::Callee,
            },
            session: session.clone(),
            peer_subject,
        }
    }

    /// Sends the reply: in one message if it fits, else the head first and the body after it.
    async fn send_reply(
        &self,
        done: Reply,
        session: &Arc<Session>,
        seq: u64,
        reply: Subject,
        key: CallKey,
        ending: &Ending,
    ) {
        let room = size::room(self.bus.max_payload());
        let Some(room_for_body) = room.checked_sub(done.head.len()) else {
            let fault = Fault::new(
                FaultKind::TooLarge,
                "the head of the reply is longer than one message holds",
            )
            .blaming(lattice_core::Blame::Host);
            return self.answer(Some(reply), fault_frame(session, seq, &fault)).await;
        };
        let inline = match settle(done.body, size::SETTLE_MAX.min(room_for_body)) {
            Body::Empty => Some(Bytes::new()),
            Body::Inline(bytes) if bytes.len() <= room_for_body => Some(bytes),
            body => {
                // Boxed, as are other rare turns, so that common calls do not carry the room for it.
                Box::pin(self.stream_reply(&done.head, body, session, seq, reply.clone(), key, ending)).await;
                None
            }
        };
        if let Some(body) = inline {
            self.answer(Some(reply), reply_frame(session, seq, &done.head, &body, false))
                .await;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of one call, and used once")]
    async fn stream_reply(
        &self,
        head: &Bytes,
        body: Body,
        session: &Arc<Session>,
        seq: u64,
        reply: Subject,
        key: CallKey,
        ending: &Ending,
    ) {
        let pump = Pump::open(&self.streams, self.bus.clone(), self.route(session, key.id));
        self.answer(Some(reply), reply_frame(session, seq, head, &[], true))
            .await;
        let source = Mutex::new(Some(body.into_stream()));
        tokio::select! {
            end = pump.run(&source) => tracing::trace!(call = %key.id, ?end, "reply body ended"),
            why = ending.ended() => self.streams.break_off(&self.route(session, key.id), &why),
        }
    }
}

fn too_late() -> Fault {
    Fault::new(
        FaultKind::DeadlineExceeded,
        "the deadline passed while the call was running",
    )
}

fn reply_frame(session: &Session, seq: u64, head: &Bytes, body: &[u8], streamed: bool) -> Bytes {
    let reply = ReplyHead {
        streamed,
        head_len: u32::try_from(head.len()).unwrap_or(u32::MAX),
    };
    let mut builder = FrameBuilder::new(
        FrameKind::Reply,
        session.id,
        seq,
        ReplyHead::LEN + head.len() + body.len(),
    );
    reply.encode(builder.head());
    builder.begin_body(head);
    builder.finish(&session.outbound, Sealed::default(), body)
}

/// Seals an answer to the frame with the number `seq`.
pub(super) fn answer_frame(
    kind: FrameKind,
    session: &Session,
    seq: u64,
    head: impl FnOnce(&mut BytesMut),
    body: &[u8],
) -> Bytes {
    let mut builder = FrameBuilder::new(kind, session.id, seq, PREFIX_LEN + body.len());
    head(builder.head());
    builder.finish(&session.outbound, Sealed::default(), body)
}

fn shortened(mut fault: Fault) -> Fault {
    if fault.message.len() > FAULT_MESSAGE_MAX {
        let end = (0..=FAULT_MESSAGE_MAX)
            .rev()
            .find(|at| fault.message.is_char_boundary(*at))
            .unwrap_or(0);
        fault.message.truncate(end);
        fault.message.push('…');
    }
    fault
}
