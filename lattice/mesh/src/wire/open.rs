//! Messages that are not sealed by a session: those that make one, and signs of life.
//!
//! They begin with the same version byte as a frame and a kind from 128 up.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

use super::frame::{Frame, FrameError, VERSION};

/// What an unsealed message is for. The number is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum OpenKind {
    /// Opens a session.
    Hello = 128,
    /// Answers a hello.
    HelloAck = 129,
    /// Refuses a hello; the body is a fault.
    Refused = 130,
    /// Answers a frame of a session that the receiver does not have.
    UnknownSession = 131,
    /// Are you there?
    Probe = 132,
    /// Yes.
    Alive = 133,
    /// Asks for the receiver's presence, for who could not wait for the next heartbeat.
    Who = 134,
    /// The presence asked for.
    Presence = 135,
}

/// A message to a mailbox, or the answer to one.
#[derive(Debug, Clone)]
pub(crate) enum Incoming {
    /// Sealed by a session.
    Sealed(Frame),
    /// Not sealed.
    Open(OpenKind, Bytes),
}

impl Incoming {
    pub(crate) fn parse(bytes: &Bytes) -> Result<Self, FrameError> {
        let (Some(&version), Some(&kind)) = (bytes.first(), bytes.get(1)) else {
            return Err(FrameError::TooShort(bytes.len()));
        };
        if kind < OpenKind::Hello as u8 {
            return Frame::parse(bytes).map(Self::Sealed);
        }
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let kind = match kind {
            128 => OpenKind::Hello,
            129 => OpenKind::HelloAck,
            130 => OpenKind::Refused,
            131 => OpenKind::UnknownSession,
            132 => OpenKind::Probe,
            133 => OpenKind::Alive,
            134 => OpenKind::Who,
            135 => OpenKind::Presence,
            other => return Err(FrameError::Kind(other)),
        };
        Ok(Self::Open(kind, bytes.slice(2..)))
    }
}

/// An unsealed message without a body.
pub(crate) fn bare(kind: OpenKind) -> Bytes {
    with_bytes(kind, &[])
}

/// An unsealed message with a body that is encoded already.
pub(crate) fn with_bytes(kind: OpenKind, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_slice(&[VERSION, kind as u8]);
    bytes.put_slice(body);
    bytes.freeze()
}

/// An unsealed message with a MessagePack body.
pub(crate) fn with_body<T: Serialize>(kind: OpenKind, body: &T) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1024);
    bytes.put_slice(&[VERSION, kind as u8]);
    super::call::encode(body, &mut bytes);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Incoming::parse(&Bytes::from(bytes));
        }
    }

    #[test]
    fn open_messages_round_trip() {
        for kind in [OpenKind::Hello, OpenKind::Alive, OpenKind::Presence] {
            let parsed = Incoming::parse(&with_bytes(kind, b"body")).expect("own message");
            assert!(matches!(parsed, Incoming::Open(got, body) if got == kind && &body[..] == b"body"));
        }
    }
}
