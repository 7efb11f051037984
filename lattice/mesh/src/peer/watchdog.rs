//! Notices that a peer is gone, or that a call got lost, while something waits for it.
//!
//! Calls that are answered quickly cost nothing here. One that waits longer registers, and from then on its peer is asked every
//! [`INTERVAL`]: a peer whose mailbox has no listener is gone, and everything that waits for it fails at once; a call that the peer says it
//! never got, or ended, fails alone. Messages do get lost: core NATS drops what is on its way when a server dies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_bus::{Bus, Headers, RequestError};
use lattice_core::{Fault, FaultKind, InvocationId};
use tokio::sync::oneshot;

use super::{Peer, Peers};
use crate::session::{Fixed, Session};
use crate::wire::{FrameBuilder, FrameKind, Incoming, OpenKind, PingHead, PingedCall, PongHead, Sealed, call, open};

/// How long a call waits before anybody looks after it.
pub(crate) const PROBE_AFTER: Duration = Duration::from_millis(500);
/// How often a peer is asked while somebody waits.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long after a first "nobody listens" the second question follows. A peer that changes servers is away for a moment.
const CONFIRM_AFTER: Duration = Duration::from_millis(250);
/// After our own connection came back, peers get this long to come back too.
const RECONNECT_GRACE: Duration = Duration::from_secs(3);
/// Calls asked after in one ping; the others have their turn in the next.
const CALLS_PER_PING: usize = 256;

/// What waits for one peer.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Calls of ours, by id.
    calls: HashMap<InvocationId, WatchedCall>,
    /// Calls of the peer's that run here, which end when it is gone.
    served: usize,
    /// Whether a task is asking.
    running: bool,
}

#[derive(Debug)]
struct WatchedCall {
    session: Arc<Session>,
    seq: u64,
    verdict: oneshot::Sender<Fault>,
    /// How often the peer said that it ended. The answer may be right behind the first time.
    ended: u8,
}

/// A registration; ends when dropped.
#[derive(Debug)]
pub(crate) struct CallWatch {
    peer: Arc<Peer>,
    call: Option<InvocationId>,
    verdict: Option<oneshot::Receiver<Fault>>,
}

impl CallWatch {
    /// Registers a call of ours.
    pub(crate) fn outgoing(
        peers: &Arc<Peers>,
        peer: &Arc<Peer>,
        call: InvocationId,
        session: Arc<Session>,
        seq: u64,
    ) -> Self {
        let (sender, receiver) = oneshot::channel();
        peer.watched.lock().calls.insert(
            call,
            WatchedCall {
                session,
                seq,
                verdict: sender,
                ended: 0,
            },
        );
        ensure_running(peers, peer);
        Self {
            peer: peer.clone(),
            call: Some(call),
            verdict: Some(receiver),
        }
    }

    /// Registers a call that the peer made and we serve.
    pub(crate) fn serving(peers: &Arc<Peers>, peer: &Arc<Peer>) -> Self {
        peer.watched.lock().served += 1;
        ensure_running(peers, peer);
        Self {
            peer: peer.clone(),
            call: None,
            verdict: None,
        }
    }

    /// Returns once the call is known to be lost, or its peer gone.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn lost(&mut self) -> Fault {
        let verdict = async {
            match &mut self.verdict {
                Some(verdict) => match verdict.await {
                    Ok(fault) => fault,
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            fault = verdict => fault,
            () = self.peer.gone() => self.peer.gone_fault(),
        }
    }
}

impl Drop for CallWatch {
    fn drop(&mut self) {
        let mut watched = self.peer.watched.lock();
        match &self.call {
            Some(call) => drop(watched.calls.remove(call)),
            None => watched.served -= 1,
        }
    }
}

fn ensure_running(peers: &Arc<Peers>, peer: &Arc<Peer>) {
    let mut watched = peer.watched.lock();
    if !watched.running && !peer.is_gone() {
        watched.running = true;
        peers.spawn_watchdog(peer.clone());
    }
}

/// What an answer, or none, tells.
enum Sign {
    /// It is there, and said this of the calls asked after.
    Alive(PongHead),
    /// Nobody listens to its mailbox.
    Absent,
    /// Nothing can be said.
    Silent,
}

/// Asks until nobody waits any more or the peer is gone.
pub(super) async fn run(peers: Arc<Peers>, peer: Arc<Peer>) {
    let mut absent = false;
    loop {
        {
            let mut watched = peer.watched.lock();
            if (watched.calls.is_empty() && watched.served == 0) || peer.is_gone() {
                watched.running = false;
                return;
            }
        }
        match ask(&peers.bus, &peer).await {
            Sign::Alive(pong) => {
                absent = false;
                judge(&peer, &pong);
            }
            Sign::Absent if peers.reconnected_within(RECONNECT_GRACE) => absent = false,
            Sign::Absent if absent => {
                peers.declare_gone(&peer, "nobody listens to its mailbox");
                continue;
            }
            Sign::Absent => {
                absent = true;
                tokio::time::sleep(CONFIRM_AFTER).await;
                continue;
            }
            Sign::Silent => {}
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = peer.gone() => {}
        }
    }
}

async fn ask(bus: &Bus, peer: &Peer) -> Sign {
    let (session, calls) = questions(peer);
    let (payload, seq) = match &session {
        Some(session) => {
            let seq = session.next_seq();
            let mut builder = FrameBuilder::new(FrameKind::Ping, session.id, seq, 64 + calls.len() * 48);
            call::encode(&PingHead::new(calls), builder.head());
            (builder.finish(&session.outbound, Sealed::to(&peer.mailbox), &[]), seq)
        }
        None => (open::bare(OpenKind::Probe), 0),
    };
    let asked = Instant::now();
    let sign = match bus.request(&peer.mailbox, Headers::new(), payload, INTERVAL * 2).await {
        Ok(answer) => read_answer(session.as_deref(), seq, &answer.payload),
        Err(RequestError::NoResponders { .. }) => Sign::Absent,
        Err(_) => Sign::Silent,
    };
    tracing::trace!(peer = %peer.address.member, elapsed_ms = asked.elapsed().as_millis(), "asked for a sign of life");
    sign
}

/// The calls to ask after: all of one session, since one session seals one ping.
fn questions(peer: &Peer) -> (Option<Arc<Session>>, Vec<PingedCall>) {
    let watched = peer.watched.lock();
    let Some(session) = watched.calls.values().next().map(|call| call.session.clone()) else {
        return (None, Vec::new());
    };
    let calls = watched
        .calls
        .iter()
        .filter(|(_, call)| call.session.id == session.id)
        .take(CALLS_PER_PING)
        .map(|(id, call)| PingedCall {
            id: Fixed(*id.as_bytes()),
            seq: call.seq,
        })
        .collect();
    (Some(session), calls)
}

fn read_answer(session: Option<&Session>, seq: u64, payload: &Bytes) -> Sign {
    match (Incoming::parse(payload), session) {
        (Ok(Incoming::Open(OpenKind::Alive | OpenKind::UnknownSession, _)), _) => Sign::Alive(PongHead::new()),
        (Ok(Incoming::Sealed(frame)), Some(session))
            if frame.kind == FrameKind::Pong && frame.session == session.id && frame.seq == seq =>
        {
            let head = frame
                .open(&session.inbound, Sealed::default())
                .and_then(|(head, _)| PongHead::decode(&head).ok());
            head.map_or(Sign::Silent, Sign::Alive)
        }
        _ => Sign::Silent,
    }
}

/// Fails the calls that will never be answered.
fn judge(peer: &Peer, pong: &PongHead) {
    let mut watched = peer.watched.lock();
    for id in &pong.lost {
        if let Some(call) = watched.calls.remove(&call::invocation(*id)) {
            let fault = Fault::new(
                FaultKind::NoResponders,
                format!("the call to {} got lost on its way", peer.address.member),
            );
            let _ = call.verdict.send(fault);
        }
    }
    for id in &pong.ended {
        let id = call::invocation(*id);
        let Some(call) = watched.calls.get_mut(&id) else {
            continue;
        };
        call.ended += 1;
        if call.ended < 2 {
            continue;
        }
        if let Some(call) = watched.calls.remove(&id) {
            let fault = format!(
                "the answer of {} got lost on its way, the call has run",
                peer.address.member
            );
            let _ = call.verdict.send(Fault::new(FaultKind::Unreachable, fault));
        }
    }
}
