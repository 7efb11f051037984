//! Running one call that came in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use lattice_bus::Subject;
use lattice_core::{Fault, FaultKind, subject};
use lattice_telemetry::{Span, SpanKind, conventions};
use parking_lot::Mutex;

use super::admission::Admitted;
use super::arrived::{Arrived, Wanted};
use super::check::check_host;
use super::receive::{BUDGET_MAX, Granted, too_late};
use super::running::{CallKey, Ending};
use super::{Mailbox, fault_frame};
use crate::peer::{CallWatch, PROBE_AFTER};
use crate::session::Session;
use crate::spans::Done;
use crate::stream::{BodyReader, Pump, Route, Side, StreamKey, settle};
use crate::wire::{CallHead, FrameBuilder, FrameKind, PREFIX_LEN, ReplyHead, Sealed, call};
use crate::{Body, IncomingAsk, size};

/// The longest message of a fault that travels; the rest is for the log of the one who has it.
const FAULT_MESSAGE_MAX: usize = 8 * 1024;

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
        work: impl Future<Output = Result<Done, Fault>>,
        session: &Session,
        ending: &Ending,
        deadline: Instant,
    ) -> Result<Done, Fault> {
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

    async fn run(&self, arrived: Arrived, deadline: Instant) -> Result<Done, Fault> {
        let Arrived {
            session,
            head,
            wanted,
            rest,
            trace,
            ..
        } = arrived;
        let (app_head, inline) = call::split(&rest, head.head_len)
            .map_err(|error| Fault::new(FaultKind::BadArguments, error.to_string()))?;
        let origin = session.peer.member.clone();
        match wanted {
            Wanted::Call(route, address) => {
                let link = self.check(&session, &route).await?;
                let body = self.incoming_body(&session, &head, inline);
                let granted = Granted {
                    id: head.id,
                    origin,
                    route: &route,
                    link,
                    address,
                    deadline,
                    trace,
                    head: app_head,
                    body,
                };
                self.receive(granted).await
            }
            Wanted::Ask(verb) => {
                check_host(&session)?;
                // Only what is asked for some call or order is of interest.
                let span = match &trace {
                    Some(parent) => self.tracer.start(verb.to_string(), SpanKind::Server, Some(parent)),
                    None => Span::off(),
                };
                let ask = IncomingAsk {
                    origin,
                    verb,
                    deadline,
                    trace: span.handle(),
                    head: app_head,
                    body: self.incoming_body(&session, &head, inline),
                };
                let outcome = Box::pin(self.receive_ask(ask)).await;
                let kept = span.kept();
                span.end(conventions::status(&outcome), Vec::new);
                outcome.map(|reply| Done { reply, kept })
            }
        }
    }

    fn incoming_body(&self, session: &Arc<Session>, head: &CallHead, inline: Bytes) -> Body {
        if head.streamed {
            Body::stream(BodyReader::open(&self.streams, self.route(session, head.id)))
        } else {
            inline.into()
        }
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
        done: Done,
        session: &Arc<Session>,
        seq: u64,
        reply: Subject,
        key: CallKey,
        ending: &Ending,
    ) {
        let Done { reply: done, kept } = done;
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
                Box::pin(self.stream_reply(&done.head, body, kept, session, seq, reply.clone(), key, ending)).await;
                None
            }
        };
        if let Some(body) = inline {
            self.answer(Some(reply), reply_frame(session, seq, kept, &done.head, Some(&body)))
                .await;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of one call, and used once")]
    async fn stream_reply(
        &self,
        head: &Bytes,
        body: Body,
        kept: bool,
        session: &Arc<Session>,
        seq: u64,
        reply: Subject,
        key: CallKey,
        ending: &Ending,
    ) {
        let pump = Pump::open(&self.streams, self.bus.clone(), self.route(session, key.id));
        self.answer(Some(reply), reply_frame(session, seq, kept, head, None))
            .await;
        let source = Mutex::new(Some(body.into_stream()));
        tokio::select! {
            end = pump.run(&source) => tracing::trace!(call = %key.id, ?end, "reply body ended"),
            why = ending.ended() => self.streams.break_off(&self.route(session, key.id), &why),
        }
    }
}

/// A reply. Without a body that follows in frames of its own.
fn reply_frame(session: &Session, seq: u64, kept: bool, head: &Bytes, body: Option<&[u8]>) -> Bytes {
    let (streamed, body) = (body.is_none(), body.unwrap_or_default());
    let reply = ReplyHead {
        streamed,
        kept,
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
