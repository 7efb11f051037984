//! The heads of frames.
//!
//! A call names its route (who calls whom, on which grant) and what is particular to it. The route is MessagePack, with names, and the same
//! for thousands of calls, so that both ends keep it: see [`super::routes`]. What is particular has a fixed layout. Calls to stateful actors
//! and to hosts have more, or something else, in front of the route: see [`super::aim`].

use bytes::{Buf, BufMut, Bytes, BytesMut};
use lattice_core::stateful::MalformedAddress;
use lattice_core::{FunctionName, InvocationId, LinkId, ParseIdError, Party, VersionedInterface};
use serde::{Deserialize, Serialize};

use super::aim::Aim;
use crate::session::Fixed;

/// The version of the MessagePack forms below. Fields may be added without a new one; readers skip what they do not know.
pub(crate) const VERSION: u8 = 1;

/// Set in the flags when the body follows in frames of its own.
const STREAMED: u8 = 1;
/// Set in the flags of a reply when the callee keeps spans of a trace that is not sampled.
const KEPT: u8 = 2;

/// Says what is called, by whom, on which grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct CallRoute {
    v: u8,
    pub(crate) source: Party,
    pub(crate) target: Party,
    pub(crate) link: LinkId,
    pub(crate) interface: VersionedInterface,
    pub(crate) function: FunctionName,
}

/// What is particular to one call.
///
/// ```text
/// offset  bytes  field
///      0     16  id of the call
///     16      8  what is left of the deadline, in milliseconds: a duration, since clocks differ
///     24      1  flags
///     25      4  how many of the bytes after the head are the application's head; the rest is the body
///     29      …  whom it is for: see [`Aim`]
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallHead {
    pub(crate) id: InvocationId,
    pub(crate) budget_ms: u64,
    /// Whether the body follows in frames of its own.
    pub(crate) streamed: bool,
    pub(crate) head_len: u32,
}

/// How to read a reply: flags, one byte, and the length of the application's head, four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyHead {
    /// As in [`CallHead::streamed`].
    pub(crate) streamed: bool,
    /// Whether spans of the call are kept, so that the caller keeps what is above them.
    pub(crate) kept: bool,
    /// As in [`CallHead::head_len`].
    pub(crate) head_len: u32,
}

/// Asks after calls.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PingHead {
    v: u8,
    pub(crate) calls: Vec<PingedCall>,
}

/// A call asked after.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PingedCall {
    pub(crate) id: Fixed<16>,
    /// The number of its frame.
    pub(crate) seq: u64,
}

/// Answers a [`PingHead`]; calls that are still running are not mentioned.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PongHead {
    v: u8,
    /// These never arrived, and will be refused should they arrive yet.
    pub(crate) lost: Vec<Fixed<16>>,
    /// These ended; the answer must be on its way or was lost.
    pub(crate) ended: Vec<Fixed<16>>,
}

/// A head that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    /// Not MessagePack of the right form.
    #[error("the head cannot be read")]
    Malformed(#[from] rmp_serde::decode::Error),
    /// A version this program does not know.
    #[error("head version {0} is not supported")]
    Version(u8),
    /// Shorter than its fixed part.
    #[error("a head of {0} bytes is too short")]
    TooShort(usize),
    /// It claims more bytes than came.
    #[error("the application's head of {0} bytes is longer than the frame")]
    HeadLength(u32),
    /// The address of a stateful actor claims more bytes than came.
    #[error("the address of {0} bytes is longer than the head")]
    AddressLength(usize),
    /// The address of a stateful actor is none.
    #[error(transparent)]
    Address(#[from] MalformedAddress),
    /// What is asked of a host is no text.
    #[error("the verb is no text")]
    NoText,
    /// What is asked of a host is no verb.
    #[error(transparent)]
    Verb(#[from] ParseIdError),
    /// It says that it is for an actor and for the host.
    #[error("the call is for a stateful actor and for the host at once")]
    TwoAims,
}

impl CallRoute {
    pub(crate) fn new(
        source: Party,
        target: Party,
        link: LinkId,
        interface: VersionedInterface,
        function: FunctionName,
    ) -> Self {
        Self {
            v: VERSION,
            source,
            target,
            link,
            interface,
            function,
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let route: Self = rmp_serde::from_slice(bytes)?;
        checked(route.v, route)
    }
}

impl CallHead {
    pub(crate) const LEN: usize = 29;

    pub(crate) fn encode(&self, aim: &Aim, out: &mut BytesMut) {
        out.put_slice(self.id.as_bytes());
        out.put_u64(self.budget_ms);
        out.put_u8(aim.flag() | if self.streamed { STREAMED } else { 0 });
        out.put_u32(self.head_len);
        aim.encode(out);
    }

    /// Takes the head apart.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<(Self, Aim), HeadError> {
        if bytes.len() < Self::LEN {
            return Err(HeadError::TooShort(bytes.len()));
        }
        let mut id = [0; 16];
        bytes.copy_to_slice(&mut id);
        let (budget_ms, flags, head_len) = (bytes.get_u64(), bytes.get_u8(), bytes.get_u32());
        let head = Self {
            id: invocation(Fixed(id)),
            budget_ms,
            streamed: flags & STREAMED != 0,
            head_len,
        };
        Ok((head, Aim::decode(flags, bytes)?))
    }
}

impl ReplyHead {
    pub(crate) const LEN: usize = 5;

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.put_u8(flag(self.streamed, STREAMED) | flag(self.kept, KEPT));
        out.put_u32(self.head_len);
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, HeadError> {
        if bytes.len() < Self::LEN {
            return Err(HeadError::TooShort(bytes.len()));
        }
        let (flags, head_len) = (bytes.get_u8(), bytes.get_u32());
        Ok(Self {
            streamed: flags & STREAMED != 0,
            kept: flags & KEPT != 0,
            head_len,
        })
    }
}

impl PingHead {
    pub(crate) fn new(calls: Vec<PingedCall>) -> Self {
        Self { v: VERSION, calls }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let head: Self = rmp_serde::from_slice(bytes)?;
        checked(head.v, head)
    }
}

impl PongHead {
    pub(crate) fn new() -> Self {
        Self {
            v: VERSION,
            ..Self::default()
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let head: Self = rmp_serde::from_slice(bytes)?;
        checked(head.v, head)
    }
}

/// The call a fixed-size id names.
pub(crate) fn invocation(id: Fixed<16>) -> InvocationId {
    uuid::Uuid::from_bytes(id.0).into()
}

/// Writes a head as a MessagePack map with names.
pub(crate) fn encode<T: Serialize>(head: &T, out: &mut BytesMut) {
    // Heads are strings, numbers and bytes, and a buffer in memory takes any amount of them.
    rmp_serde::encode::write_named(&mut out.writer(), head).expect("plain data into memory");
}

/// Parts what follows a head into the application's head and the body.
pub(crate) fn split(rest: &Bytes, head_len: u32) -> Result<(Bytes, Bytes), HeadError> {
    let at = usize::try_from(head_len).map_err(|_| HeadError::HeadLength(head_len))?;
    if at > rest.len() {
        return Err(HeadError::HeadLength(head_len));
    }
    Ok((rest.slice(..at), rest.slice(at..)))
}

fn checked<T>(version: u8, head: T) -> Result<T, HeadError> {
    if version == VERSION {
        Ok(head)
    } else {
        Err(HeadError::Version(version))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heads_never_panic_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), head_len in any::<u32>()) {
            let bytes = Bytes::from(bytes);
            let _ = CallHead::decode(bytes.clone());
            let _ = CallRoute::decode(&bytes);
            let _ = ReplyHead::decode(&bytes);
            let _ = PingHead::decode(&bytes);
            let _ = PongHead::decode(&bytes);
            let _ = split(&bytes, head_len);
        }

        #[test]
        fn heads_round_trip(id in any::<u128>(), budget_ms in any::<u64>(), streamed in any::<bool>(), kept in any::<bool>(), head_len in any::<u32>()) {
            let head = CallHead { id: uuid::Uuid::from_u128(id).into(), budget_ms, streamed, head_len };
            let mut out = BytesMut::new();
            let aim = Aim::Party(Bytes::from_static(b"route"));
            head.encode(&aim, &mut out);
            prop_assert_eq!(out.len(), CallHead::LEN + 5);
            prop_assert_eq!(CallHead::decode(out.freeze()).expect("own head"), (head, aim));

            let head = ReplyHead { streamed, kept, head_len };
            let mut out = BytesMut::new();
            head.encode(&mut out);
            prop_assert_eq!(ReplyHead::decode(&out).expect("own head"), head);
        }
    }
}
