//! Answering handshakes.

use std::sync::Arc;

use bytes::Bytes;
use lattice_bus::Subject;
use lattice_core::token::verify_member;
use lattice_core::{Fault, FaultKind};
use tokio::sync::Semaphore;

use super::Mailbox;
use crate::session::{Fixed, Hello, HelloAck, Session};
use crate::wire::{OpenKind, SessionId, open};

/// Handshakes answered at a time: each is a third of a millisecond of arithmetic, which must not take all cores.
const AT_WORK_MAX: usize = 2;
/// Handshakes that wait for their turn. One too many is refused at once, and its call goes elsewhere.
const WAITING_MAX: usize = 256;

/// Bounds the handshakes.
pub(super) struct Handshakes {
    waiting: Arc<Semaphore>,
    at_work: Semaphore,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            at_work: Semaphore::new(AT_WORK_MAX),
        }
    }
}

impl Mailbox {
    /// Answers a handshake in a task of its own, since it takes a while and calls must not wait for it.
    pub(super) fn take_hello(self: &Arc<Self>, reply: Option<Subject>, body: Bytes) {
        let Ok(place) = self.handshakes.waiting.clone().try_acquire_owned() else {
            let fault = Fault::new(FaultKind::Overloaded, "too many handshakes at a time");
            let (mailbox, refusal) = (self.clone(), open::with_bytes(OpenKind::Refused, &fault.encode()));
            self.tasks.spawn(async move { mailbox.answer(reply, refusal).await });
            return;
        };
        let mailbox = self.clone();
        self.tasks.spawn(async move {
            let Ok(turn) = mailbox.handshakes.at_work.acquire().await else {
                return;
            };
            let answer = match mailbox.greet(&body) {
                Ok(ack) => open::with_body(OpenKind::HelloAck, &ack),
                Err(fault) => {
                    tracing::warn!(%fault, "refused a handshake");
                    open::with_bytes(OpenKind::Refused, &fault.encode())
                }
            };
            drop((turn, place));
            mailbox.answer(reply, answer).await;
        });
    }

    fn greet(&self, body: &[u8]) -> Result<HelloAck, Fault> {
        let hello: Hello = rmp_serde::from_slice(body)
            .map_err(|_| Fault::new(FaultKind::BadArguments, "the handshake cannot be read"))?;
        let token = verify_member(&hello.token, &self.trust.current(), crate::trust::now())
            .map_err(|refusal| Fault::denied(format!("the member token is not accepted: {refusal}")))?;
        let knows_previous = hello
            .previous
            .is_some_and(|Fixed(id)| self.sessions.read().get(&SessionId(id)).is_some());
        let (ack, keys) = hello
            .answer(&self.me, &token.id, knows_previous)
            .map_err(|error| Fault::denied(format!("the handshake is not accepted: {error}")))?;
        let mut sessions = self.sessions.write();
        // Again, under the lock that a recheck takes: a bundle that came meanwhile has not seen this session.
        token
            .recheck(&self.trust.current(), crate::trust::now())
            .map_err(|refusal| Fault::denied(format!("the member token is not accepted: {refusal}")))?;
        sessions.admit(Arc::new(Session::answered(keys, token)));
        Ok(ack)
    }
}
