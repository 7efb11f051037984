//! The other hosts, as this host's stateful actors reach them.

use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::SpanRef;
use lattice_core::stateful::{Lane, PeerSend, Refusal};
use lattice_core::{Fault, FaultKind, KeyedActor, MemberId, Party};
use lattice_mesh::{HostAsk, KeyedTarget};
use lattice_stateful::{Details, MOVED, Neighbours, Question};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::peers::{PeerMessage, ask_peer, peer_interface, peer_link};
use super::wire::PEER_FUNCTION;
use crate::events::names;
use crate::invoke::Call;
use crate::shared::Shared;

/// Reaches other hosts through the mesh.
pub(crate) struct HostNeighbours {
    /// The node holds the runtime, and that this.
    shared: Weak<Shared>,
}

impl HostNeighbours {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
        }
    }

    fn shared(&self) -> Result<Arc<Shared>, Fault> {
        let gone = || Fault::new(FaultKind::Draining, "this host is stopping");
        self.shared.upgrade().ok_or_else(gone)
    }
}

#[async_trait]
impl Neighbours for HostNeighbours {
    async fn ask(
        &self,
        host: &MemberId,
        question: Question,
        body: Bytes,
        deadline: Instant,
        trace: Option<SpanRef>,
    ) -> Result<Bytes, Fault> {
        let ask = HostAsk {
            verb: question.verb().parse().expect("a constant verb is well-formed"),
            deadline,
            trace,
            head: Bytes::new(),
            body: body.into(),
        };
        let reply = self.shared()?.member.ask(ask, host).await?;
        Ok(reply.head)
    }

    async fn deliver(
        &self,
        from: &KeyedActor,
        send: &PeerSend,
        call: Uuid,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Result<(), Refusal>, Fault> {
        let shared = self.shared()?;
        let view = shared.member.links().current();
        let (source, target) = (Party::Actor(from.name.clone()), Party::Actor(send.to.name.clone()));
        let link = peer_link(&view, &source, &target)?;
        let interface = peer_interface();
        let way = Call {
            link,
            interface: &interface,
            function: PEER_FUNCTION,
            deadline: shared.meters.admit(link, deadline)?,
            trace: None,
            invocation: shared.invocations.next(),
        };
        let message = PeerMessage {
            from: Some(from),
            to: &send.to,
            operation: &send.operation,
            body: send.body.clone(),
        };
        let target = KeyedTarget {
            key: send.to.key.clone(),
            call,
            lane: Some(lane),
        };
        let answer = ask_peer(&shared, message, &way, target, Vec::new()).await?;
        Ok(answer.map(drop))
    }

    fn hosts_for(&self, actor: &KeyedActor) -> Vec<MemberId> {
        let Ok(shared) = self.shared() else { return Vec::new() };
        shared.takers(actor)
    }

    fn tell(&self, actor: &KeyedActor, what: &'static str, details: Details) {
        let Ok(shared) = self.shared() else { return };
        let mut data: Map<String, Value> = details
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Value::String(text)))
            .collect();
        let name = match what {
            MOVED => names::KEYED_MOVED,
            _ => names::KEYED_ACTOR,
        };
        data.insert("what".to_owned(), Value::String(what.to_owned()));
        shared
            .events
            .tell(name, Some(format!("actor/{actor}")), Value::Object(data));
    }
}
