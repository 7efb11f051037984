//! One live instance, as the runtime sees it: calls in the form of the wire, answers too.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::http::full_body;
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_core::stateful::{Effects, Refusal, Saved, StopReason};
use lattice_core::{ActorName, Fault, FaultKind};
use lattice_engine::Live;
use lattice_stateful::{Answer, Call, Due, Instance, Turn};
use provider_sdk::remote;

use super::wire::{self, PeerReply, Purpose};
use crate::failures::Failures;

/// A live instance.
pub(crate) struct LiveInstance {
    live: Live,
    name: ActorName,
    body_max: usize,
    failures: Arc<Failures>,
}

impl LiveInstance {
    pub(crate) fn new(live: Live, name: ActorName, body_bytes_max: u64, failures: Arc<Failures>) -> Self {
        Self {
            live,
            name,
            body_max: usize::try_from(body_bytes_max).unwrap_or(usize::MAX),
            failures,
        }
    }

    async fn turn(&mut self, call: &Call, turn: lattice_engine::Turn) -> Result<(Answer, Effects), Fault> {
        match wire::purpose(call) {
            Purpose::Http => self.http(call, turn).await,
            Purpose::Message => self.message(call, turn).await,
            Purpose::Peer => self.receive(call, turn).await,
            Purpose::Function => {
                let (results, effects) = self
                    .live
                    .call_encoded(&call.interface, &call.function, &call.body, turn)
                    .await?;
                Ok((body(results), effects))
            }
            Purpose::Text => {
                let text = str::from_utf8(&call.body)
                    .map_err(|_| Fault::new(FaultKind::BadArguments, "the arguments are no text"))?;
                let (results, effects) = self.live.call_text(&call.interface, &call.function, text, turn).await?;
                Ok((body(results.into()), effects))
            }
        }
    }

    async fn http(&mut self, call: &Call, turn: lattice_engine::Turn) -> Result<(Answer, Effects), Fault> {
        let request = remote::http::decode_request(&call.head, lattice_mesh::Body::Empty)?;
        let request = request.map(|_| call.body.clone());
        let (response, effects) = self.live.http(request, turn).await?;
        let reply = remote::http::encode_response(response.map(full_body))?;
        let body = reply.body.collect(self.body_max).await?;
        let head = reply.head;
        Ok((Answer { head, body }, effects))
    }

    async fn message(&mut self, call: &Call, turn: lattice_engine::Turn) -> Result<(Answer, Effects), Fault> {
        let MessagingRequest::Handle(message) = read(&call.body)? else {
            let fault = "an actor handles messages, nothing else was asked of it";
            return Err(Fault::new(FaultKind::BadArguments, fault));
        };
        let (handled, effects) = self.live.message(message, turn).await?;
        let reply = match handled {
            Ok(()) => MessagingReply::Done,
            Err(error) => MessagingReply::HandlerError(error),
        };
        Ok((body(write(&reply)?), effects))
    }

    async fn receive(&mut self, call: &Call, turn: lattice_engine::Turn) -> Result<(Answer, Effects), Fault> {
        let head: wire::PeerHead = read(&call.head)?;
        let (received, effects) = self.live.receive(&head.operation, call.body.clone(), turn).await?;
        let reply = match received {
            Ok(answer) => PeerReply::Answer(answer),
            Err(refusal) => PeerReply::Refused(refusal),
        };
        Ok((body(write(&reply)?), effects))
    }
}

#[async_trait]
impl Instance for LiveInstance {
    async fn serve(&mut self, call: &Call, turn: Turn) -> Result<(Answer, Effects), Fault> {
        let outcome = self.turn(call, told(turn)).await;
        self.failures.noted(&self.name, outcome)
    }

    async fn fire(&mut self, due: &Due, turn: Turn) -> Result<(Result<(), Refusal>, Effects), Fault> {
        let fired = self
            .live
            .fire(&due.name, due.due_ms, due.payload.clone(), due.missed, told(turn))
            .await;
        self.failures.noted(&self.name, fired)
    }

    async fn save(&mut self, deadline: Instant) -> Result<Saved, Fault> {
        self.live.save(deadline).await
    }

    async fn rest(self: Box<Self>, why: StopReason, deadline: Instant) {
        self.live.rest(why, deadline).await;
    }

    fn is_dead(&self) -> bool {
        self.live.is_dead()
    }

    fn memory_bytes(&self) -> u64 {
        self.live.memory_bytes()
    }

    fn open_handles(&self) -> Vec<String> {
        self.live.open_handles()
    }
}

fn told(turn: Turn) -> lattice_engine::Turn {
    lattice_engine::Turn {
        deadline: turn.deadline,
        invocation: turn.invocation,
        trace: turn.trace,
        id: turn.id,
        sender: turn.sender,
        chain: turn.chain,
        now_ms: turn.now_ms,
    }
}

fn body(body: Bytes) -> Answer {
    Answer {
        head: Bytes::new(),
        body,
    }
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the call cannot be read: {error}")))
}

fn write<T: serde::Serialize>(reply: &T) -> Result<Bytes, Fault> {
    let bytes = rmp_serde::to_vec_named(reply).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(bytes.into())
}
