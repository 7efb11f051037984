//! The frame: what every authenticated message between two members looks like.
//!
//! ```text
//! offset  bytes  field
//!      0      1  version
//!      1      1  kind
//!      2     16  session id
//!     18      8  sequence number, big endian
//!     26     32  MAC (BLAKE3, keyed with the session's key for this direction)
//!     58      4  length of the head, big endian
//!     62      …  head (MessagePack), then the body, raw
//! ```
//!
//! The layout is fixed rather than MessagePack so that a body is never copied: it is a slice of the message that came in.

use bytes::{BufMut, Bytes, BytesMut};

use super::seal::{Mac, MacKey, Sealed};

/// The version of the frame layout. A frame of another version is refused as a whole.
pub(crate) const VERSION: u8 = 1;
/// The bytes in front of the head.
pub(crate) const PREFIX_LEN: usize = 62;

const MAC_AT: usize = 26;
const HEAD_LEN_AT: usize = 58;

/// Names a session; chosen by the member that answered the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(pub [u8; 16]);

/// What a frame is for. The number is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// Caller to callee: an invocation.
    Call = 1,
    /// Callee to caller: its result.
    Reply = 2,
    /// Callee to caller: it failed, and whose fault it was.
    Fault = 3,
    /// Caller to callee: the caller no longer wants the call.
    Cancel = 4,
    /// Caller to callee: is this call still with you?
    Ping = 5,
    /// Callee to caller: the calls of the ping that are not.
    Pong = 6,
    /// Sender of a body to its reader: one chunk.
    Data = 7,
    /// Sender of a body to its reader: that was all.
    Fin = 8,
    /// Sender of a body to its reader: the body broke off.
    Broken = 9,
    /// Reader of a body to its sender: so much was consumed.
    Credit = 10,
    /// Reader of a body to its sender: send no more.
    Stop = 11,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Fault,
            4 => Self::Cancel,
            5 => Self::Ping,
            6 => Self::Pong,
            7 => Self::Data,
            8 => Self::Fin,
            9 => Self::Broken,
            10 => Self::Credit,
            11 => Self::Stop,
            _ => return None,
        })
    }
}

/// A frame as it came in: parsed, not yet authenticated.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// What it is for.
    pub kind: FrameKind,
    /// The session it claims to belong to.
    pub session: SessionId,
    /// Its number within the session, or within the body for body frames.
    pub seq: u64,
    mac: Mac,
    head: Bytes,
    body: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Shorter than the fixed part.
    #[error("frame of {0} bytes is too short")]
    TooShort(usize),
    /// A layout this program does not know.
    #[error("frame version {0} is not supported")]
    Version(u8),
    /// A kind this program does not know.
    #[error("frame kind {0} is not known")]
    Kind(u8),
    /// The head claims to be longer than the frame.
    #[error("frame head of {claimed} bytes does not fit in {available}")]
    HeadLength {
        /// What the frame says.
        claimed: usize,
        /// What there is.
        available: usize,
    },
}

impl Frame {
    /// Splits `bytes` into the parts of a frame without copying.
    ///
    /// # Errors
    /// The bytes are not a frame.
    pub(crate) fn parse(bytes: &Bytes) -> Result<Self, FrameError> {
        let prefix: &[u8; PREFIX_LEN] = bytes.first_chunk().ok_or(FrameError::TooShort(bytes.len()))?;
        if prefix[0] != VERSION {
            return Err(FrameError::Version(prefix[0]));
        }
        let kind = FrameKind::from_byte(prefix[1]).ok_or(FrameError::Kind(prefix[1]))?;
        let claimed = u32::from_be_bytes(array(prefix, HEAD_LEN_AT)) as usize;
        let available = bytes.len() - PREFIX_LEN;
        if claimed > available {
            return Err(FrameError::HeadLength { claimed, available });
        }
        let head_end = PREFIX_LEN + claimed;
        Ok(Self {
            kind,
            session: SessionId(array(prefix, 2)),
            seq: u64::from_be_bytes(array(prefix, 18)),
            mac: Mac(array(prefix, MAC_AT)),
            head: bytes.slice(PREFIX_LEN..head_end),
            body: bytes.slice(head_end..),
        })
    }

    /// The head before anything is proved, for finding out who could prove it.
    pub(crate) fn claimed_head(&self) -> &[u8] {
        &self.head
    }

    /// Gives out the head and the body if the MAC is right.
    ///
    /// `context` is what is covered besides the frame itself; see [`Sealed`].
    pub(crate) fn open(self, key: &MacKey, context: Sealed<'_>) -> Option<(Bytes, Bytes)> {
        let expected = key.mac(
            context,
            self.kind as u8,
            self.session.0,
            self.seq,
            &self.head,
            &self.body,
        );
        expected.same_as(&self.mac).then_some((self.head, self.body))
    }
}

/// Builds a frame. The head is written in place, so that a small call costs one allocation.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    kind: FrameKind,
    session: SessionId,
    seq: u64,
    buffer: BytesMut,
    /// Where the head ends, once that is known.
    head_end: Option<usize>,
}

impl FrameBuilder {
    /// Starts a frame; `expected` is a guess of head plus body, in bytes.
    pub(crate) fn new(kind: FrameKind, session: SessionId, seq: u64, expected: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(PREFIX_LEN + expected);
        buffer.put_bytes(0, PREFIX_LEN);
        Self {
            kind,
            session,
            seq,
            buffer,
            head_end: None,
        }
    }

    /// Where the head goes.
    pub(crate) fn head(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Says that the head is written, and begins the body with `front`.
    pub(crate) fn begin_body(&mut self, front: &[u8]) {
        self.head_end = Some(self.buffer.len());
        self.buffer.put_slice(front);
    }

    /// Appends the body, or the rest of it, seals, and returns the bytes to send.
    pub(crate) fn finish(mut self, key: &MacKey, context: Sealed<'_>, body: &[u8]) -> Bytes {
        let head_len = self.head_end.unwrap_or(self.buffer.len()) - PREFIX_LEN;
        self.buffer.put_slice(body);
        let (prefix, rest) = self.buffer.split_at_mut(PREFIX_LEN);
        let (head, body) = rest.split_at(head_len);
        let mac = key.mac(context, self.kind as u8, self.session.0, self.seq, head, body);
        prefix[0] = VERSION;
        prefix[1] = self.kind as u8;
        prefix[2..18].copy_from_slice(&self.session.0);
        prefix[18..26].copy_from_slice(&self.seq.to_be_bytes());
        prefix[MAC_AT..HEAD_LEN_AT].copy_from_slice(&mac.0);
        // A head is bounded by the message it travels in, far below 4 GiB.
        let head_len = u32::try_from(head_len).unwrap_or(u32::MAX);
        prefix[HEAD_LEN_AT..].copy_from_slice(&head_len.to_be_bytes());
        self.buffer.freeze()
    }
}

/// The `N` bytes of `prefix` that start at `at`; all offsets in this file are within the prefix.
fn array<const N: usize>(prefix: &[u8; PREFIX_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&prefix[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> MacKey {
        MacKey::new([7; 32])
    }

    fn context() -> Sealed<'static> {
        Sealed {
            subject: "lat.dev.box.N.1",
            traceparent: "00-01",
            tracestate: "",
        }
    }

    fn sealed(head: &[u8], body: &[u8]) -> Bytes {
        let mut builder = FrameBuilder::new(FrameKind::Call, SessionId([3; 16]), 9, 64);
        builder.head().put_slice(head);
        builder.finish(&key(), context(), body)
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(frame) = Frame::parse(&Bytes::from(bytes)) {
                prop_assert!(frame.open(&key(), context()).is_none());
            }
        }

        #[test]
        fn never_panics_on_a_plausible_prefix(
            kind in 0..14_u8, head_len in any::<u32>(), rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = vec![VERSION, kind];
            bytes.resize(HEAD_LEN_AT, 0);
            bytes.extend(head_len.to_be_bytes());
            bytes.extend(rest);
            let _ = Frame::parse(&Bytes::from(bytes));
        }

        #[test]
        fn round_trips(head in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..2000)) {
            let frame = Frame::parse(&sealed(&head, &body)).expect("own frame");
            prop_assert_eq!((frame.kind, frame.session, frame.seq), (FrameKind::Call, SessionId([3; 16]), 9));
            let (got_head, got_body) = frame.open(&key(), context()).expect("right key");
            prop_assert_eq!((&got_head[..], &got_body[..]), (&head[..], &body[..]));
        }

        #[test]
        fn one_changed_bit_is_noticed(at in 0..120_usize, bit in 0..8_u32) {
            let mut bytes = sealed(b"some head", b"and a body long enough to be hit by the index").to_vec();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let opened = Frame::parse(&Bytes::from(bytes)).ok().and_then(|frame| frame.open(&key(), context()));
            prop_assert!(opened.is_none());
        }
    }

    #[test]
    fn the_context_is_covered() {
        let bytes = sealed(b"head", b"body");
        let elsewhere = [
            Sealed {
                subject: "lat.dev.box.N.2",
                ..context()
            },
            Sealed {
                traceparent: "00-02",
                ..context()
            },
            Sealed {
                tracestate: "a=b",
                ..context()
            },
            // The boundary between the fields is covered as well.
            Sealed {
                traceparent: "00-0",
                tracestate: "1",
                ..context()
            },
        ];
        for context in elsewhere {
            let frame = Frame::parse(&bytes).expect("a frame");
            assert!(frame.open(&key(), context).is_none(), "{context:?}");
        }
        let frame = Frame::parse(&bytes).expect("a frame");
        assert!(frame.open(&MacKey::new([8; 32]), context()).is_none());
    }
}
