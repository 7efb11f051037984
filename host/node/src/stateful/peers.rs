//! Calls to stateful actors that go out from this host.

use bytes::Bytes;
use lattice_core::stateful::{Refusal, derived_id};
use lattice_core::{ActiveLink, ActorKey, Fault, KeyedActor, Party, VersionedInterface};
use lattice_engine::{Args, Values};
use lattice_mesh::{Body, KeyedTarget, Outstanding, Reply};
use uuid::Uuid;

use super::wire::{PEER_FUNCTION, PEER_INTERFACE, PeerHead, PeerReply};
use crate::invoke::{Call, decode_results, encode};
use crate::shared::Shared;

/// The longest answer of one actor to another.
const ANSWER_MAX: usize = 64 << 20;

/// What the `nth` call out of a turn is: the same when the turn runs again, so that it does nothing twice. That may be elsewhere and later.
pub(crate) fn target_of(key: ActorKey, turn: Option<Uuid>, nth: u32) -> KeyedTarget {
    match turn {
        Some(turn) => KeyedTarget::lasting(key, derived_id(&format!("call {turn} {nth}"))),
        None => KeyedTarget::new(key, Uuid::new_v4()),
    }
}

/// What one actor says to another's peer-handler.
pub(crate) struct PeerMessage<'a> {
    /// The sender, if it is a stateful actor.
    pub(crate) from: Option<&'a KeyedActor>,
    pub(crate) to: &'a KeyedActor,
    pub(crate) operation: &'a str,
    pub(crate) body: Bytes,
}

/// Hands a message to another actor, and waits for its answer.
pub(crate) async fn ask_peer(
    shared: &Shared,
    message: PeerMessage<'_>,
    call: &Call<'_>,
    target: KeyedTarget,
    chain: Vec<KeyedActor>,
) -> Result<Result<Bytes, Refusal>, Fault> {
    let head = PeerHead {
        sender: message.from.map(|from| from.key.clone()),
        operation: message.operation.to_owned(),
    };
    let head = rmp_serde::to_vec_named(&head).map_err(|error| Fault::internal(error.to_string()))?;
    let body = message.body.into();
    let (reply, _outstanding) = shared.call_keyed(call, target, chain, head.into(), body).await?;
    let bytes = reply.body.collect(ANSWER_MAX).await?;
    let reply: PeerReply = rmp_serde::from_slice(&bytes)
        .map_err(|error| Fault::internal(format!("the answer of `{}` cannot be read: {error}", message.to)))?;
    Ok(match reply {
        PeerReply::Answer(answer) => Ok(answer),
        PeerReply::Refused(refusal) => Err(refusal),
    })
}

/// The interface by which stateful actors reach each other.
pub(crate) fn peer_interface() -> VersionedInterface {
    PEER_INTERFACE.parse().expect("a constant interface is well-formed")
}

/// The link by which one actor may reach another's peer-handler.
pub(crate) fn peer_link<'v>(
    view: &'v lattice_mesh::LinkView,
    from: &Party,
    to: &Party,
) -> Result<&'v std::sync::Arc<ActiveLink>, Fault> {
    let interface = peer_interface();
    let links = view.of_source(from).iter();
    links
        .filter(|link| link.target == *to && link.covers(&interface) && link.allows(PEER_FUNCTION))
        .max_by_key(|link| link.interface.as_str().len())
        .ok_or_else(|| {
            Fault::denied(format!(
                "no link lets {from} reach {to}: `lattice link put {from} lattice:actor/peer-handler {to}` would"
            ))
        })
}

impl Shared {
    /// Calls a function of a stateful actor wherever it lives.
    pub(crate) async fn call_keyed_actor(
        &self,
        call: &Call<'_>,
        target: KeyedTarget,
        chain: Vec<KeyedActor>,
        args: &Args<'_>,
    ) -> Result<Values, Fault> {
        let body = encode(args)?;
        let (reply, _outstanding) = self.call_keyed(call, target, chain, Bytes::new(), body.into()).await?;
        let bytes = reply.body.collect(ANSWER_MAX).await?;
        decode_results(args.signature(), call.function, &bytes)
    }

    /// Calls a stateful actor wherever it lives.
    pub(crate) async fn call_keyed(
        &self,
        call: &Call<'_>,
        target: KeyedTarget,
        chain: Vec<KeyedActor>,
        head: Bytes,
        body: Body,
    ) -> Result<(Reply, Outstanding), Fault> {
        let outgoing = self.outgoing(call, head, body)?;
        self.member.invoke_keyed_in_turn(outgoing, target, chain).await
    }
}
