//! Making a session with a peer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lattice_bus::{Bus, Headers, RequestError};
use lattice_core::{Fault, FaultKind};

use super::Peer;
use crate::identity::Identity;
use crate::session::{Handshake, HelloAck, Session};
use crate::wire::{Incoming, OpenKind, SessionId, open};

/// A handshake is a few signatures; one that takes longer is tried again by the next call.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Disowned sessions remembered: those that calls may still be out on.
const DISOWNED_MAX: usize = 8;

/// The last handshake, if it failed.
#[derive(Debug)]
pub(super) struct FailedHandshake {
    begun: Instant,
    fault: Fault,
}

impl Peer {
    /// The session to call on; makes one if there is none, or none fit for use. Makes another if it is `lost`, the session that the peer
    /// says it does not know.
    pub(crate) async fn session(
        &self,
        me: &Identity,
        bus: &Bus,
        lost: Option<SessionId>,
        patience: Duration,
    ) -> Result<Arc<Session>, Fault> {
        let current = || {
            let session = self.session.load_full();
            session.filter(|session| session.is_usable() && Some(session.id) != lost)
        };
        if let Some(session) = current() {
            return Ok(session);
        }
        let arrived = Instant::now();
        let making = async {
            let mut failed = self.handshake.lock().await;
            if let Some(session) = current() {
                return Ok(session);
            }
            // What was tried while this one waited its turn counts for it too: else a silent peer costs each its own timeout.
            if let Some(failed) = failed.as_ref().filter(|failed| failed.begun >= arrived) {
                return Err(failed.fault.clone());
            }
            let begun = Instant::now();
            let made = self.make_session(me, bus, lost).await;
            *failed = made.as_ref().err().map(|fault| FailedHandshake {
                begun,
                fault: fault.clone(),
            });
            made
        };
        tokio::time::timeout(patience, making).await.unwrap_or_else(|_| {
            // The call itself was never sent.
            Err(unanswered(self, "no session with it came about in time"))
        })
    }

    /// Whether the peer said, under its signature, that it does not have this session. Only then did nothing sent on it run.
    pub(crate) fn disowned(&self, session: SessionId) -> bool {
        self.disowned.lock().contains(&session)
    }

    async fn make_session(&self, me: &Identity, bus: &Bus, lost: Option<SessionId>) -> Result<Arc<Session>, Fault> {
        let (handshake, hello) = Handshake::begin(me, self.address.clone(), lost);
        let payload = open::with_body(OpenKind::Hello, &hello);
        let answer = bus
            .request(&self.mailbox, Headers::new(), payload, HANDSHAKE_TIMEOUT)
            .await;
        let answer = answer.map_err(|error| hello_failed(self, &error))?;
        let ack = read_answer(self, &answer.payload)?;
        let keys = handshake
            .finish(&ack)
            .map_err(|error| Fault::internal(format!("no session with {}: {error}", self.address.member)))?;
        if let Some(lost) = lost
            && !ack.knows_previous
        {
            let mut disowned = self.disowned.lock();
            if disowned.len() >= DISOWNED_MAX {
                disowned.remove(0);
            }
            disowned.push(lost);
        }
        let session = Arc::new(Session::asked(keys));
        self.session.store(Some(session.clone()));
        tracing::debug!(peer = %self.address.member, "session established");
        Ok(session)
    }
}

fn read_answer(peer: &Peer, payload: &Bytes) -> Result<HelloAck, Fault> {
    let broken = || {
        Fault::internal(format!(
            "{} answered a handshake with something else",
            peer.address.member
        ))
    };
    match Incoming::parse(payload) {
        Ok(Incoming::Open(OpenKind::HelloAck, body)) => rmp_serde::from_slice(&body).map_err(|_| broken()),
        Ok(Incoming::Open(OpenKind::Refused, body)) => Err(Fault::decode(&body)),
        _ => Err(broken()),
    }
}

fn hello_failed(peer: &Peer, error: &RequestError) -> Fault {
    unanswered(peer, error)
}

/// Nothing but a hello was sent, so that the call may go elsewhere.
fn unanswered(peer: &Peer, reason: impl std::fmt::Display) -> Fault {
    Fault::new(
        FaultKind::NoResponders,
        format!("{} does not answer: {reason}", peer.address.member),
    )
}
