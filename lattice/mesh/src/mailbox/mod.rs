//! The mailbox: everything that other members send to this one.
//!
//! Two subscriptions for the whole member, not per actor: calls, and below them the chunks of their bodies, apart so that a flood of one does
//! not hold up the other. One task drains each and never waits: it authenticates, and hands on.

mod admission;
mod arrived;
mod check;
mod greet;
mod guard;
mod rate;
mod receive;
mod running;
mod serve;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use lattice_bus::{Bus, Headers, Message, Subject, Subscription};
use lattice_core::subject::{Purpose, Subject as ParsedSubject};
use lattice_core::{Fault, FaultKind};
use lattice_telemetry::{Instruments, Tracer};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Capacity;
use crate::directory::Directory;
use crate::identity::Identity;
use crate::links::Links;
use crate::peer::Peers;
use crate::presence::Announcer;
use crate::session::{Freshness, Session, SessionTable, Standing};
use crate::stream::Streams;
use crate::trust::TrustStore;
use crate::wire::{CallHead, DecodedRoutes, Frame, FrameKind, Incoming, OpenKind, PingHead, PongHead, call, open};
use crate::{Receiver, trace};
use admission::Admission;
use arrived::{Arrived, Wanted};
use greet::Handshakes;
use rate::RateLimits;
pub(crate) use receive::OwnCall;
use running::{CallKey, RunningCalls};
use serve::answer_frame;

/// What arrives for this member, and what is running because of it.
pub(crate) struct Mailbox {
    pub(crate) me: Arc<Identity>,
    pub(crate) bus: Bus,
    /// Our own subject, which callers seal into their frames.
    pub(crate) subject: Subject,
    pub(crate) trust: Arc<TrustStore>,
    pub(crate) links: Arc<Links>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) tasks: TaskTracker,
    sessions: RwLock<SessionTable>,
    running: RunningCalls,
    pub(crate) tracer: Tracer,
    instruments: Instruments,
    admission: Arc<Admission>,
    rates: RateLimits,
    routes: DecodedRoutes,
    handshakes: Handshakes,
    receiver: OnceLock<Arc<dyn Receiver>>,
    draining: AtomicBool,
    /// Cancelled when the mailbox shall hear no more calls.
    closing: CancellationToken,
    /// Cancelled when it has answered the last one it heard.
    closed: CancellationToken,
    /// Told whenever a call ended.
    ended: Notify,
    refused: AtomicU64,
}

/// What a mailbox is made of.
pub(crate) struct MailboxParts {
    pub(crate) me: Arc<Identity>,
    pub(crate) bus: Bus,
    pub(crate) subject: Subject,
    pub(crate) trust: Arc<TrustStore>,
    pub(crate) links: Arc<Links>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) tasks: TaskTracker,
    pub(crate) capacity: Capacity,
    pub(crate) tracer: Tracer,
    pub(crate) instruments: Instruments,
}

impl Mailbox {
    pub(crate) fn new(parts: MailboxParts) -> Arc<Self> {
        Arc::new(Self {
            me: parts.me,
            bus: parts.bus,
            subject: parts.subject,
            trust: parts.trust,
            links: parts.links,
            directory: parts.directory,
            peers: parts.peers,
            streams: parts.streams,
            announcer: parts.announcer,
            tasks: parts.tasks,
            sessions: RwLock::default(),
            running: RunningCalls::default(),
            tracer: parts.tracer,
            instruments: parts.instruments,
            admission: Admission::new(parts.capacity.calls, parts.capacity.bytes),
            rates: RateLimits::default(),
            routes: DecodedRoutes::default(),
            handshakes: Handshakes::new(),
            receiver: OnceLock::new(),
            draining: AtomicBool::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            ended: Notify::new(),
            refused: AtomicU64::new(0),
        })
    }

    /// Says who runs the calls. The first word counts; false for any later one.
    pub(crate) fn set_receiver(&self, receiver: Arc<dyn Receiver>) -> bool {
        self.receiver.set(receiver).is_ok()
    }

    /// From here on, calls are sent elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Hears no more calls. Returns once every call that NATS has handed over is answered: whoever calls after that is told by NATS itself
    /// that nobody listens, so that no caller is left to guess whether its call has run.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }

    /// Ends every call that runs here.
    pub(crate) fn end_all(&self) {
        let why = format!("{} is stopping", self.me.address.member);
        self.running.end_all(&Fault::new(FaultKind::Cancelled, why));
    }

    /// Ends the calls whose link is not in force any more: a grant that is taken back is taken back from streams under way as well.
    pub(crate) fn end_unlinked(&self) {
        let links = self.links.current();
        self.running.end_linked(
            |link| links.get(link).is_none(),
            |link| Fault::denied(format!("link `{link}` ended while the call was under way")),
        );
    }

    /// How many calls run here for others.
    pub(crate) fn in_flight(&self) -> usize {
        self.admission.calls()
    }

    /// Returns once no call runs here.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// How many frames were thrown away because they proved nothing: forged, repeated, or not ours.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Looks again at the members whose sessions are kept, after a change of trust.
    pub(crate) fn recheck_sessions(&self) {
        let (trust, now) = (self.trust.current(), crate::trust::now());
        self.sessions.write().retain(|session| {
            session
                .token
                .as_ref()
                .is_none_or(|token| token.recheck(&trust, now).is_ok())
        });
    }

    /// Drains the calls. Ends when the subscription does.
    pub(crate) async fn run_calls(self: Arc<Self>, mut calls: Subscription) {
        let _closed = self.closed.clone().drop_guard();
        while let Some(next) = self.closing.run_until_cancelled(calls.recv()).await {
            let Some(message) = next else { return };
            self.take(message).await;
        }
        calls.drain().await;
        while let Some(message) = calls.recv().await {
            self.take(message).await;
        }
    }

    /// Drains the chunks. Ends when the subscription does.
    pub(crate) async fn run_chunks(self: Arc<Self>, mut chunks: Subscription) {
        while let Some(message) = chunks.recv().await {
            let Some(ParsedSubject {
                purpose: Purpose::MailboxStream(_, _, call),
                ..
            }) = ParsedSubject::parse(&message.subject)
            else {
                continue;
            };
            match Incoming::parse(&message.payload) {
                Ok(Incoming::Sealed(frame)) => self.streams.deliver(&message.subject, call, frame),
                _ => self.refuse("a chunk that is none"),
            }
        }
    }

    async fn take(self: &Arc<Self>, message: Message) {
        match Incoming::parse(&message.payload) {
            Ok(Incoming::Sealed(frame)) => self.take_frame(message, frame).await,
            Ok(Incoming::Open(OpenKind::Hello, body)) => self.take_hello(message.reply, body),
            Ok(Incoming::Open(OpenKind::Probe, _)) => self.answer(message.reply, open::bare(OpenKind::Alive)).await,
            Ok(Incoming::Open(OpenKind::Who, _)) => {
                let presence = open::with_bytes(OpenKind::Presence, &self.announcer.latest());
                self.answer(message.reply, presence).await;
            }
            Ok(Incoming::Open(..)) => self.refuse("an answer to nothing"),
            Err(error) => self.refuse(&error.to_string()),
        }
    }

    async fn take_frame(self: &Arc<Self>, message: Message, frame: Frame) {
        let found = self.sessions.read().get(&frame.session);
        let Some(standing) = found.filter(|found| found.session().is_acceptable()) else {
            let kind = frame.kind;
            tracing::debug!(?kind, "frame of a session that is not known");
            return self.answer(message.reply, open::bare(OpenKind::UnknownSession)).await;
        };
        let session = standing.session().clone();
        let (kind, seq) = (frame.kind, frame.seq);
        // A cancellation repeats the number of its call; it does no harm twice.
        let numbered = kind != FrameKind::Cancel;
        if numbered && session.check(seq) != Freshness::Fresh {
            return self.refuse("a repeated frame");
        }
        let covered = trace::covered(&self.subject, &message.headers);
        let Some((head, body)) = frame.open(&session.inbound, covered) else {
            return self.refuse("a frame with a wrong MAC");
        };
        let trace = trace::extract(&message.headers);
        if let Standing::Waiting(_) = standing {
            self.sessions.write().confirm(&session.id);
        }
        if numbered && session.accept(seq) != Freshness::Fresh {
            return self.refuse("a repeated frame");
        }
        match kind {
            FrameKind::Call => {
                let Some(reply) = message.reply else {
                    return self.refuse("a call that wants no answer");
                };
                let read = CallHead::decode(head).and_then(|(head, aim)| Ok((head, Wanted::read(aim, &self.routes)?)));
                match read {
                    Ok((head, wanted)) => {
                        self.take_call(Arrived {
                            session,
                            seq,
                            reply,
                            head,
                            wanted,
                            rest: body,
                            trace,
                        })
                        .await;
                    }
                    Err(error) => {
                        let fault = Fault::new(FaultKind::BadArguments, format!("the call cannot be read: {error}"));
                        self.answer(Some(reply), fault_frame(&session, seq, &fault)).await;
                    }
                }
            }
            FrameKind::Cancel => {
                let id = head[..].try_into().map(|id| uuid::Uuid::from_bytes(id).into());
                if let Ok(id) = id {
                    let why = Fault::new(FaultKind::Cancelled, "the caller does not want it any more");
                    self.running.end(
                        &CallKey {
                            session: session.id,
                            id,
                        },
                        why,
                    );
                }
            }
            FrameKind::Ping => {
                let Ok(ping) = PingHead::decode(&head) else {
                    return self.refuse("a ping that cannot be read");
                };
                let pong = self.pong(&session, &ping);
                let frame = answer_frame(FrameKind::Pong, &session, seq, |head| call::encode(&pong, head), &[]);
                self.answer(message.reply, frame).await;
            }
            _ => self.refuse("a frame out of place"),
        }
    }

    async fn take_call(self: &Arc<Self>, arrived: Arrived) {
        let refusal = if let Some(draining) = self.refuses_all() {
            draining
        } else if let Some(place) = self.admission.admit(arrived.rest.len()) {
            let key = CallKey {
                session: arrived.session.id,
                id: arrived.head.id,
            };
            if let Some(ending) = self.running.enter(key, arrived.wanted.link()) {
                // Boxed here, once, because it is large and would be moved several times on its way into a task.
                self.tasks
                    .spawn(Box::pin(self.clone().serve(arrived, key, ending, place)));
                return;
            }
            Fault::new(FaultKind::BadArguments, "a call with this id is under way")
        } else {
            let (calls, member) = (self.admission.calls(), &self.me.address.member);
            Fault::new(
                FaultKind::Overloaded,
                format!("{member} has {calls} calls under way and takes no more"),
            )
        };
        let frame = fault_frame(&arrived.session, arrived.seq, &refusal);
        self.answer(Some(arrived.reply), frame).await;
    }

    /// Why nothing new is taken any more, if so.
    fn refuses_all(&self) -> Option<Fault> {
        let draining = self.draining.load(Ordering::Acquire);
        draining.then(|| Fault::new(FaultKind::Draining, format!("{} is stopping", self.me.address.member)))
    }

    /// Says which of the calls asked after are not here. One that never arrived is struck from the numbers to come, so that "lost" stays
    /// true.
    fn pong(&self, session: &Session, ping: &PingHead) -> PongHead {
        let mut pong = PongHead::new();
        for asked in &ping.calls {
            let key = CallKey {
                session: session.id,
                id: call::invocation(asked.id),
            };
            if self.running.contains(&key) {
                continue;
            }
            match session.accept(asked.seq) {
                Freshness::Fresh => pong.lost.push(asked.id),
                Freshness::Repeated => pong.ended.push(asked.id),
            }
        }
        pong
    }

    async fn answer(&self, reply: Option<Subject>, payload: Bytes) {
        let Some(reply) = reply else { return };
        if let Err(error) = self.bus.publish(reply, Headers::new(), payload).await {
            tracing::debug!(%error, "an answer was not sent");
        }
    }

    fn refuse(&self, what: &str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(what, "refused");
    }
}

/// Seals a fault as the answer to a frame.
fn fault_frame(session: &Session, seq: u64, fault: &Fault) -> Bytes {
    answer_frame(FrameKind::Fault, session, seq, |_| (), &fault.encode())
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
