//! Puts the frames of one answer together, and believes only an outcome that the member signed. Pure.

use bytes::{Bytes, BytesMut};
use lattice_core::MemberId;

use crate::{
    error::ControlError,
    progress::Progress,
    wire::{self, Content, Frame, SignedRequest},
};

/// The largest outcome that is put together. Ten thousand links fit several times over.
const OUTCOME_BYTES_MAX: usize = 64 << 20;

/// What a frame meant.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing to tell: a piece, or a frame that is not ours.
    Nothing,
    /// The member is at work.
    Progress(Progress),
    /// The end: the encoded reply, or the error.
    Outcome(Result<Bytes, ControlError>),
}

/// The frames of one member's answer to one request.
#[derive(Debug)]
pub(crate) struct Assembly {
    from: MemberId,
    pieces: BytesMut,
    next_piece: u32,
}

impl Assembly {
    /// Expects an answer of this member.
    pub(crate) fn new(from: MemberId) -> Self {
        Self {
            from,
            pieces: BytesMut::new(),
            next_piece: 0,
        }
    }

    /// Takes a frame. Frames of others, and those that make no sense, are passed over: anybody may be able to send to an inbox,
    /// and an answer that is never completed ends in a timeout.
    pub(crate) fn take(&mut self, request: &SignedRequest<'_>, frame: Frame) -> Step {
        if frame.v != wire::WIRE_VERSION || frame.id != request.id || frame.from != self.from {
            return Step::Nothing;
        }
        match frame.content {
            Content::Progress(progress) => Step::Progress(progress),
            Content::Part(part) => {
                self.add(part.index, &part.bytes);
                Step::Nothing
            }
            Content::Done(done) => {
                if done.parts != self.next_piece || !self.has_room_for(&done.last) {
                    return Step::Nothing;
                }
                let outcome = [&self.pieces[..], &done.last[..]].concat();
                let signed = wire::outcome_signing_input(request, done.ok, &outcome);
                let is_theirs = <&[u8; 64]>::try_from(&done.signature[..])
                    .is_ok_and(|signature| self.from.verifies(&signed, signature));
                if !is_theirs {
                    return Step::Nothing;
                }
                Step::Outcome(read(done.ok, outcome))
            }
        }
    }

    fn add(&mut self, index: u32, bytes: &[u8]) {
        if index == self.next_piece && self.has_room_for(bytes) {
            self.pieces.extend_from_slice(bytes);
            self.next_piece += 1;
        }
    }

    fn has_room_for(&self, bytes: &[u8]) -> bool {
        self.pieces.len() + bytes.len() <= OUTCOME_BYTES_MAX
    }
}

fn read(ok: bool, outcome: Vec<u8>) -> Result<Bytes, ControlError> {
    if ok {
        return Ok(outcome.into());
    }
    let unreadable = |error| ControlError::internal(format!("the member failed and its error cannot be read: {error}"));
    Err(wire::decode(&outcome).unwrap_or_else(unreadable))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use lattice_core::LatticeId;
    use uuid::Uuid;

    use super::*;
    use crate::{
        error::ErrorKind,
        verb::Verb,
        wire::{Done, Part},
    };

    static LATTICE: LazyLock<LatticeId> = LazyLock::new(|| "default".parse().expect("a lattice id"));

    fn asked() -> SignedRequest<'static> {
        SignedRequest {
            lattice: &LATTICE,
            verb: Verb::Ping,
            id: Uuid::from_u128(7),
            body: b"body",
        }
    }

    struct Member {
        key: nkeys::KeyPair,
        id: MemberId,
    }

    impl Member {
        fn new() -> Self {
            let key = nkeys::KeyPair::new_server();
            Self {
                id: key.public_key().parse().expect("a server key"),
                key,
            }
        }

        fn frame(&self, content: Content) -> Frame {
            Frame {
                v: wire::WIRE_VERSION,
                id: asked().id,
                from: self.id.clone(),
                content,
            }
        }

        fn part(&self, index: u32, bytes: &'static [u8]) -> Frame {
            self.frame(Content::Part(Part {
                index,
                bytes: Bytes::from_static(bytes),
            }))
        }

        fn done(&self, request: &SignedRequest<'_>, ok: bool, whole: &[u8], parts: u32, last: &'static [u8]) -> Frame {
            let signature = self
                .key
                .sign(&wire::outcome_signing_input(request, ok, whole))
                .expect("has a seed");
            self.frame(Content::Done(Done {
                ok,
                parts,
                last: Bytes::from_static(last),
                signature: signature.into(),
            }))
        }
    }

    fn outcome(step: Step) -> Option<Result<Bytes, ControlError>> {
        match step {
            Step::Outcome(outcome) => Some(outcome),
            _ => None,
        }
    }

    #[test]
    fn pieces_make_up_the_outcome() {
        let member = Member::new();
        let mut assembly = Assembly::new(member.id.clone());
        assert!(matches!(
            assembly.take(&asked(), member.frame(Content::Progress(Progress::step("x")))),
            Step::Progress(_)
        ));
        assembly.take(&asked(), member.part(0, b"ab"));
        assembly.take(&asked(), member.part(1, b"cd"));
        let done = member.done(&asked(), true, b"abcde", 2, b"e");
        assert_eq!(
            outcome(assembly.take(&asked(), done)),
            Some(Ok(Bytes::from_static(b"abcde")))
        );
    }

    #[test]
    fn an_outcome_with_a_piece_missing_is_none() {
        let member = Member::new();
        let mut assembly = Assembly::new(member.id.clone());
        assembly.take(&asked(), member.part(1, b"cd"));
        assert!(outcome(assembly.take(&asked(), member.done(&asked(), true, b"abcde", 2, b"e"))).is_none());
    }

    #[test]
    fn only_the_member_asked_is_believed_and_only_about_this_request() {
        let (member, forger) = (Member::new(), Member::new());
        let mut assembly = Assembly::new(member.id.clone());
        let mut take = |frame: Frame| outcome(assembly.take(&asked(), frame));
        assert!(
            take(forger.done(&asked(), true, b"x", 0, b"x")).is_none(),
            "another member"
        );
        let mut disguised = forger.done(&asked(), true, b"x", 0, b"x");
        disguised.from = member.id.clone();
        assert!(take(disguised).is_none(), "signed by another");
        assert!(
            take(member.done(&asked(), true, b"y", 0, b"x")).is_none(),
            "other bytes"
        );
        assert!(
            take(member.done(&asked(), false, b"x", 0, b"x")).is_some(),
            "its own error"
        );
        for other in [
            SignedRequest {
                verb: Verb::Doctor,
                ..asked()
            },
            SignedRequest {
                body: b"another",
                ..asked()
            },
            SignedRequest {
                id: Uuid::from_u128(8),
                ..asked()
            },
        ] {
            assert!(
                take(member.done(&other, true, b"x", 0, b"x")).is_none(),
                "the answer to {other:?}"
            );
        }
    }

    #[test]
    fn an_error_that_cannot_be_read_is_an_error_all_the_same() {
        let member = Member::new();
        let done = member.done(&asked(), false, b"\xc1", 0, b"\xc1");
        let error = outcome(Assembly::new(member.id.clone()).take(&asked(), done))
            .expect("an outcome")
            .expect_err("failed");
        assert_eq!(error.kind, ErrorKind::Internal);
    }
}
