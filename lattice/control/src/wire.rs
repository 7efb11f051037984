//! The bytes of the control interface: one request, then frames of progress, then an outcome signed by the member.
//!
//! Everything is MessagePack with named fields, so that a member of another version reads what it knows.

use bytes::Bytes;
use lattice_core::{Incarnation, LatticeId, MemberId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{progress::Progress, verb::Verb, verbs::Command};

/// Version of the envelope.
pub(crate) const WIRE_VERSION: u8 = 1;

/// A request as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) v: u8,
    /// Names the command for its whole life; the `jti` of its token.
    pub(crate) id: Uuid,
    /// The signed command; absent for verbs that only read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// A [`Body`], kept as bytes because the token signs their hash.
    pub(crate) body: Bytes,
}

/// What the token's hash covers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Body<C> {
    /// The run of the member that this is meant for. A restarted member has forgotten which commands it has
    /// seen, so it must not take those meant for its predecessor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Incarnation>,
    pub(crate) command: C,
}

/// One message of an answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) v: u8,
    pub(crate) id: Uuid,
    pub(crate) from: MemberId,
    pub(crate) content: Content,
}

/// What a frame carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// Still at work.
    Progress(Progress),
    /// A piece of an outcome that is larger than one message.
    Part(Part),
    /// The end.
    Done(Done),
}

/// A piece of an outcome.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Counts from zero.
    pub(crate) index: u32,
    pub(crate) bytes: Bytes,
}

/// The last frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Whether the outcome is a reply or a `ControlError`.
    pub(crate) ok: bool,
    /// How many parts came before.
    #[serde(default)]
    pub(crate) parts: u32,
    /// The last piece, for most outcomes the only one.
    pub(crate) last: Bytes,
    /// Ed25519 by the member's key over [`outcome_signing_input`].
    pub(crate) signature: Bytes,
}

/// The command that withdraws another.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Cancel {
    /// Which one.
    pub(crate) id: Uuid,
}

impl Command for Cancel {
    /// Whether it was still at work.
    type Reply = bool;
    const VERB: Verb = Verb::Cancel;
}

/// The bytes a member signs to stand by an outcome: bound to the request, so that it answers nothing else.
pub(crate) fn outcome_signing_input(request: &SignedRequest<'_>, ok: bool, outcome: &[u8]) -> Vec<u8> {
    let mut input = b"lat-ctl-outcome-v1".to_vec();
    let ok: &[u8] = if ok { b"ok" } else { b"err" };
    let verb = request.verb.as_str().as_bytes();
    for field in [
        request.lattice.as_str().as_bytes(),
        verb,
        request.id.as_bytes(),
        request.body,
        ok,
        outcome,
    ] {
        input.extend_from_slice(&(field.len() as u64).to_be_bytes());
        input.extend_from_slice(field);
    }
    input
}

/// The parts of a request that its outcome is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedRequest<'a> {
    pub(crate) lattice: &'a LatticeId,
    pub(crate) verb: Verb,
    pub(crate) id: Uuid,
    pub(crate) body: &'a [u8],
}

/// Encodes a wire value. Our own types have no map keys or nesting that MessagePack could refuse.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(value).map(Bytes::from)
}

/// Decodes a wire value from a peer's bytes.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::{ControlError, ErrorKind},
        verbs::{ActorStop, Ping},
    };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Hosts of two versions share a lattice: these bytes may grow new fields, and must go on being read.
    #[test]
    fn the_bytes_stay_as_they_are() {
        let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        let body = encode(&Body {
            to: Some(Incarnation::from(7)),
            command: Ping {},
        })
        .expect("encodes");
        assert_eq!(
            hex(&body),
            "82a2746fb030303030303030303030303030303037a7636f6d6d616e6480"
        );
        let request = encode(&Request {
            v: 1,
            id,
            token: None,
            body: Bytes::from_static(b"x"),
        })
        .expect("encodes");
        assert_eq!(
            hex(&request),
            "83a17601a26964c41001920000000070008000000000000001a4626f6479c40178"
        );
        let read: Request = decode(&request).expect("reads back");
        assert_eq!((read.v, read.id, read.token, &read.body[..]), (1, id, None, &b"x"[..]));

        let error = ControlError::new(ErrorKind::NotFound, "no").with_help("look");
        let bytes = encode(&error).expect("encodes");
        assert_eq!(
            hex(&bytes),
            "83a46b696e64a96e6f742d666f756e64a76d657373616765a26e6fa468656c70a46c6f6f6b"
        );
    }

    #[test]
    fn words_of_a_newer_version_are_read_as_far_as_we_know_them() {
        let newer = rmp_serde::to_vec_named(&serde_json::json!({
            "kind": "eaten-by-a-bear", "message": "oh", "severity": 9,
        }))
        .expect("encodes");
        let error: ControlError = decode(&newer).expect("reads");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Internal, "oh"));
        let stop: ActorStop = decode(
            &rmp_serde::to_vec_named(&serde_json::json!({"actor": "a", "drain_ms": 5, "reason": "x"}))
                .expect("encodes"),
        )
        .expect("reads");
        assert_eq!(stop.drain_ms, 5);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = decode::<Request>(&bytes);
            let _ = decode::<Frame>(&bytes);
            let _ = decode::<crate::verbs::InventoryReply>(&bytes);
        }
    }
}
