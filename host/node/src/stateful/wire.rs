//! What calls to stateful actors look like between hosts.

use bytes::Bytes;
use lattice_core::stateful::{Refusal, blob};
use lattice_core::{ActorKey, Fault, FaultKind, KeyedActor};
use lattice_mesh::IncomingCall;
use lattice_stateful::Call;
use serde::{Deserialize, Serialize};

use super::BODY_MAX;

/// The interface by which stateful actors reach each other.
pub(crate) const PEER_INTERFACE: &str = "lattice:actor/peer-handler@0.1.0";
/// Its function.
pub(crate) const PEER_FUNCTION: &str = "receive";
/// The head of a call whose arguments are text that a person typed.
const TEXT: &[u8] = b"text";

/// The head of a call from one stateful actor to another.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PeerHead {
    /// The key of the sender, when that is a stateful actor; its name is the call's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sender: Option<ActorKey>,
    pub(crate) operation: String,
}

/// The answer to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PeerReply {
    Answer(#[serde(with = "blob")] Bytes),
    Refused(Refusal),
}

/// What an actor is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Http,
    Message,
    Peer,
    Function,
    Text,
}

/// Tells what a call is for. Its interface decides.
pub(super) fn purpose(call: &Call) -> Purpose {
    match call.interface.id.as_str() {
        "wasi:http/incoming-handler" | "wasi:http/handler" => Purpose::Http,
        "wasmcloud:messaging/handler" => Purpose::Message,
        "lattice:actor/peer-handler" => Purpose::Peer,
        _ if call.head == TEXT => Purpose::Text,
        _ => Purpose::Function,
    }
}

/// The head of a call by hand.
pub(super) fn text_head() -> Bytes {
    Bytes::from_static(TEXT)
}

/// Takes in a call from the lattice, with all of its body.
pub(super) async fn take_in(call: IncomingCall) -> Result<Call, Fault> {
    let address = call.address.ok_or_else(|| {
        let fault = format!("{} is stateful: name the key of one", call.target);
        Fault::new(FaultKind::BadArguments, fault)
    })?;
    let body = call.body.collect(BODY_MAX).await?;
    let mut sender = None;
    if call.interface.id.as_str() == "lattice:actor/peer-handler"
        && let Some(name) = call.source.as_actor()
    {
        let head: PeerHead = rmp_serde::from_slice(&call.head)
            .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the message cannot be read: {error}")))?;
        sender = head.sender.map(|key| KeyedActor::new(name.clone(), key));
    } else if call.head == TEXT {
        return Err(Fault::denied(
            "only people call with text, and through the control interface",
        ));
    }
    Ok(Call {
        address,
        sender,
        interface: call.interface,
        function: call.function.to_string(),
        invocation: call.id,
        deadline: call.deadline,
        trace: call.trace,
        head: call.head,
        body,
    })
}
