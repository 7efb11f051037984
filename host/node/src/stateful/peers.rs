//! Calls to stateful actors that go out from this host.

use bytes::Bytes;
use lattice_core::stateful::{Refusal, derived_id};
use lattice_core::{ActiveLink, ActorKey, CallAddress, Fault, FaultKind, KeyedActor, Party, VersionedInterface};
use lattice_engine::{Args, Values};
use lattice_mesh::{Body, KeyedTarget, Outstanding, Reply};
use lattice_stateful::{Answer, Runtime};
use uuid::Uuid;

use super::wire::{PEER_FUNCTION, PEER_INTERFACE, PeerHead, PeerReply};
use crate::ids::InvocationIds;
use crate::invoke::{Call, decode_results, encode};
use crate::meter::check_payload;
use crate::shared::Shared;
use crate::spans::Served;

/// The longest answer of one actor to another.
const ANSWER_MAX: usize = 64 << 20;

/// What the `nth` call out of a turn is: the same when the turn runs again, so that it does nothing twice. That may be elsewhere and later.
pub(crate) fn target_of(key: ActorKey, turn: Option<Uuid>, nth: u32, ids: &InvocationIds) -> KeyedTarget {
    match turn {
        Some(turn) => KeyedTarget::lasting(key, derived_id(&format!("call {turn} {nth}"))),
        None => KeyedTarget::new(key, *ids.next().as_uuid()),
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
        let mut numbered = None;
        if let Some((runtime, actor)) = self.awake_here(call, &target) {
            // Held to the end: the actor must not forget the call if it is made again below.
            let outstanding = numbered.insert(self.member.number_call(actor.clone()));
            let address = CallAddress {
                key: target.key.clone(),
                call: target.call,
                lane: target.lane.unwrap_or_else(|| outstanding.lane()),
                owner_unreachable: false,
                chain: chain.clone(),
            };
            match self.call_awake(runtime, actor, call, address, body.clone()).await {
                Err(fault) if fault.kind == FaultKind::NotHere => {}
                outcome => return decode_results(args.signature(), call.function, &outcome?.body),
            }
        }
        // Elsewhere: calls that stay here do not carry the room for it.
        let (reply, _outstanding) = Box::pin(self.call_keyed(call, target, chain, Bytes::new(), body.into())).await?;
        let bytes = reply.body.collect(ANSWER_MAX).await?;
        decode_results(args.signature(), call.function, &bytes)
    }

    fn awake_here(&self, call: &Call<'_>, target: &KeyedTarget) -> Option<(&Runtime, KeyedActor)> {
        let actor = KeyedActor::new(call.link.target.as_actor()?.clone(), target.key.clone());
        let runtime = self.stateful.runtime(&actor.name)?;
        runtime.is_awake(&actor).then_some((runtime, actor))
    }

    /// Calls an actor that is awake on this host, without a detour over the lattice. As with any actor here, its link was looked at already.
    async fn call_awake(
        &self,
        runtime: &Runtime,
        actor: KeyedActor,
        call: &Call<'_>,
        address: CallAddress,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        check_payload(call.link, body.len())?;
        let name = actor.name.clone();
        let served = Served::begin(self, &name, call);
        let keyed = lattice_stateful::Call {
            address,
            sender: None,
            interface: call.interface.clone(),
            function: call.function.to_owned(),
            invocation: call.invocation,
            deadline: call.deadline,
            trace: served.context(call).trace,
            head: Bytes::new(),
            body,
        };
        match runtime.deliver(actor, keyed).await {
            Err(fault) if fault.kind == FaultKind::NotHere => {
                // It is called where it has gone; nothing has gone wrong.
                drop(served);
                Err(fault)
            }
            outcome => served.end(outcome),
        }
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
