//! The mailbox: everything that other members send to this one.
//!
//! Two subscriptions for the whole member, not per actor: calls, and below them the chunks of their bodies, apart so that a flood of one does
//! not hold up the other. One task drains each and never waits: it authenticates, and hands on.

mod admission;
mod greet;
mod guard;
mod rate;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use lattice_bus::{Bus, Headers, Message, Subject, Subscription};
use lattice_core::subject::{Purpose, Subject as ParsedSubject};
use lattice_core::{Fault, FaultKind, InvocationId, LinkId};
use parking_lot::{Mutex, RwLock};
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
use crate::wire::{
    CallHead, DecodedRoutes, Frame, FrameKind, Incoming, OpenKind, PingHead, PongHead, SessionId, call, open,
};
use crate::{Receiver, trace};
use admission::Admission;
use greet::Handshakes;
use rate::RateLimits;
use serve::{Arrived, answer_frame};

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
    running: Mutex<HashMap<CallKey, RunningCall>>,
    admission: Arc<Admission>,
    rates: RateLimits,
    routes: DecodedRoutes,
    handshakes: Handshakes,
    receiver: OnceLock<Arc<dyn Receiver>>,
    draining: AtomicBool,
    /// Told whenever a call ended.
    ended: Notify,
    refused: AtomicU64,
}

/// A call, as its caller can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CallKey {
    session: SessionId,
    id: InvocationId,
}

/// A call under way, as far as ending it goes.
#[derive(Debug, Clone)]
struct RunningCall {
    link: LinkId,
    ending: Ending,
}

/// Ends a call, and says why. Cheap to clone.
#[derive(Debug, Clone, Default)]
struct Ending(Arc<(CancellationToken, OnceLock<Fault>)>);

impl Ending {
    /// Ends the call. The first reason counts.
    fn end(&self, why: Fault) {
        let (token, reason) = &*self.0;
        let _ = reason.set(why);
        token.cancel();
    }

    /// Returns why once the call is to end.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn ended(&self) -> Fault {
        let (token, reason) = &*self.0;
        token.cancelled().await;
        reason
            .get()
            .cloned()
            .unwrap_or_else(|| Fault::internal("ended without a reason"))
    }
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
            running: Mutex::default(),
            admission: Admission::new(parts.capacity.calls, parts.capacity.bytes),
            rates: RateLimits::default(),
            routes: DecodedRoutes::default(),
            handshakes: Handshakes::new(),
            receiver: OnceLock::new(),
            draining: AtomicBool::new(false),
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

    /// Ends every call that runs here.
    pub(crate) fn end_all(&self) {
        let stopping = || Fault::new(FaultKind::Cancelled, format!("{} is stopping", self.me.address.member));
        self.running
            .lock()
            .values()
            .for_each(|call| call.ending.end(stopping()));
    }

    /// Ends the calls whose link is not in force any more: a grant that is taken back is taken back from streams under way as well.
    pub(crate) fn end_unlinked(&self) {
        let links = self.links.current();
        for call in self
            .running
            .lock()
            .values()
            .filter(|call| links.get(&call.link).is_none())
        {
            call.ending.end(Fault::denied(format!(
                "link `{}` ended while the call was under way",
                call.link
            )));
        }
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
        let trace = trace::extract(&message.headers);
        let Some((head, body)) = frame.open(&session.inbound, trace::covered(&self.subject, trace.as_ref())) else {
            return self.refuse("a frame with a wrong MAC");
        };
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
                let read = CallHead::decode(head).and_then(|(head, route)| Ok((head, self.routes.decode(&route)?)));
                match read {
                    Ok((head, route)) => {
                        self.take_call(Arrived {
                            session,
                            seq,
                            reply,
                            head,
                            route,
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
                let running = head[..].try_into().ok().and_then(|id| {
                    let key = CallKey {
                        session: session.id,
                        id: uuid::Uuid::from_bytes(id).into(),
                    };
                    self.running.lock().get(&key).cloned()
                });
                if let Some(call) = running {
                    call.ending
                        .end(Fault::new(FaultKind::Cancelled, "the caller does not want it any more"));
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
        let refusal = if self.draining.load(Ordering::Acquire) {
            Fault::new(FaultKind::Draining, format!("{} is stopping", self.me.address.member))
        } else if let Some(place) = self.admission.admit(arrived.rest.len()) {
            let key = CallKey {
                session: arrived.session.id,
                id: arrived.head.id,
            };
            let ending = Ending::default();
            let is_new = {
                let mut running = self.running.lock();
                let is_new = !running.contains_key(&key);
                if is_new {
                    running.insert(
                        key,
                        RunningCall {
                            link: arrived.route.link.clone(),
                            ending: ending.clone(),
                        },
                    );
                }
                is_new
            };
            if is_new {
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

    /// Says which of the calls asked after are not here. One that never arrived is struck from the numbers to come, so that "lost" stays
    /// true.
    fn pong(&self, session: &Session, ping: &PingHead) -> PongHead {
        let mut pong = PongHead::new();
        let running = self.running.lock();
        for asked in &ping.calls {
            let key = CallKey {
                session: session.id,
                id: call::invocation(asked.id),
            };
            if running.contains_key(&key) {
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
