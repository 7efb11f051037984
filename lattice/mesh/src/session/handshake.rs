//! How two members agree on a session: one message each way, each signed with its sender's key.
//!
//! The one who calls sends a [`Hello`] with a fresh X25519 key; the one called answers with a [`HelloAck`] and its own. Both signatures name
//! the lattice, both members and both runs of them, so neither message means anything elsewhere. The answer signs the hello with it.
//!
//! A recorded hello can be sent again by anyone; it only makes a session that nobody can use, because the keys come from the ephemeral
//! secret that never left the caller. The receiver therefore keeps such a session apart until its first authenticated frame
//! (see [`super::table`]). No clock is involved.

use hkdf::Hkdf;
use lattice_core::{Incarnation, LatticeId, MemberId};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use x25519_dalek::{EphemeralSecret, PublicKey, SharedSecret};
use zeroize::Zeroize;

use super::bytes::{Fixed, Signature};
use crate::identity::{Address, Identity};
use crate::wire::{MacKey, SessionId, Transcript};

/// The caller's opening message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    v: u8,
    /// The caller's member token; its subject is the key that signed this message.
    pub token: String,
    /// The caller's run.
    pub incarnation: Incarnation,
    /// Whom it is meant for.
    pub to: MemberId,
    /// And which run of them.
    pub to_incarnation: Incarnation,
    /// The session the caller lost, if it is replacing one.
    pub previous: Option<Fixed<16>>,
    ephemeral: Fixed<32>,
    signature: Signature,
}

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HelloAck {
    v: u8,
    /// Whether the answering member still has the caller's previous session. If it has not, nothing sent under it can still be running
    /// unnoticed, and the caller may repeat a call that was answered "unknown session". The signature covers this.
    pub knows_previous: bool,
    ephemeral: Fixed<32>,
    signature: Signature,
}

/// The keys both sides end up with.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) id: SessionId,
    pub(crate) peer: Address,
    pub(crate) outbound: MacKey,
    pub(crate) inbound: MacKey,
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// Another protocol version.
    #[error("handshake version {0} is not supported")]
    Version(u8),
    /// Meant for somebody else, or an earlier run of us.
    #[error("the handshake is meant for another member or another run of this one")]
    NotForUs,
    /// The signature does not fit.
    #[error("the signature is not by the member it claims to be")]
    Signature,
    /// A key made to give a predictable secret.
    #[error("the ephemeral key is degenerate")]
    WeakKey,
}

const VERSION: u8 = 1;

/// The caller's side between hello and answer.
pub(crate) struct Handshake {
    secret: EphemeralSecret,
    peer: Address,
    hello_digest: [u8; 32],
}

impl Handshake {
    /// Writes the opening message to `peer`.
    pub(crate) fn begin(me: &Identity, peer: Address, previous: Option<SessionId>) -> (Self, Hello) {
        let secret = EphemeralSecret::random();
        let mut hello = Hello {
            v: VERSION,
            token: me.token.to_string(),
            incarnation: me.address.incarnation,
            to: peer.member.clone(),
            to_incarnation: peer.incarnation,
            previous: previous.map(|id| Fixed(id.0)),
            ephemeral: Fixed(PublicKey::from(&secret).to_bytes()),
            signature: Signature::default(),
        };
        let transcript = hello.transcript(&me.lattice, &me.address.member);
        hello.signature = Fixed(me.sign(transcript.bytes()));
        let hello_digest = hello.digest(&transcript);
        (
            Self {
                secret,
                peer,
                hello_digest,
            },
            hello,
        )
    }

    /// Takes the answer. The member is known by its key, so that nothing but the signature has to be checked.
    pub(crate) fn finish(self, ack: &HelloAck) -> Result<Established, HandshakeError> {
        if ack.v != VERSION {
            return Err(HandshakeError::Version(ack.v));
        }
        let transcript = ack.transcript(&self.hello_digest);
        if !self.peer.member.verifies(transcript.bytes(), &ack.signature.0) {
            return Err(HandshakeError::Signature);
        }
        let shared = self.secret.diffie_hellman(&PublicKey::from(ack.ephemeral.0));
        let keys = derive(&shared, &transcript)?;
        Ok(Established {
            id: keys.id,
            peer: self.peer,
            outbound: keys.to_callee,
            inbound: keys.to_caller,
        })
    }
}

impl Hello {
    /// Checks everything but the token, whose subject must be `from`, and answers.
    pub(crate) fn answer(
        &self,
        me: &Identity,
        from: &MemberId,
        knows_previous: bool,
    ) -> Result<(HelloAck, Established), HandshakeError> {
        if self.v != VERSION {
            return Err(HandshakeError::Version(self.v));
        }
        if self.to != me.address.member || self.to_incarnation != me.address.incarnation {
            return Err(HandshakeError::NotForUs);
        }
        let transcript = self.transcript(&me.lattice, from);
        if !from.verifies(transcript.bytes(), &self.signature.0) {
            return Err(HandshakeError::Signature);
        }
        let secret = EphemeralSecret::random();
        let mut ack = HelloAck {
            v: VERSION,
            knows_previous,
            ephemeral: Fixed(PublicKey::from(&secret).to_bytes()),
            signature: Signature::default(),
        };
        let ack_transcript = ack.transcript(&self.digest(&transcript));
        ack.signature = Fixed(me.sign(ack_transcript.bytes()));
        let shared = secret.diffie_hellman(&PublicKey::from(self.ephemeral.0));
        let keys = derive(&shared, &ack_transcript)?;
        let peer = Address {
            member: from.clone(),
            incarnation: self.incarnation,
        };
        Ok((
            ack,
            Established {
                id: keys.id,
                peer,
                outbound: keys.to_caller,
                inbound: keys.to_callee,
            },
        ))
    }

    fn transcript(&self, lattice: &LatticeId, from: &MemberId) -> Transcript {
        Transcript::new("lattice-hello-v1")
            .field(lattice.as_str().as_bytes())
            .field(self.token.as_bytes())
            .field(from.as_str().as_bytes())
            .number(self.incarnation.get())
            .field(self.to.as_str().as_bytes())
            .number(self.to_incarnation.get())
            .field(self.previous.as_ref().map_or(&[], |id| &id.0))
            .field(&self.ephemeral.0)
    }

    fn digest(&self, transcript: &Transcript) -> [u8; 32] {
        transcript.clone().field(&self.signature.0).digest()
    }
}

impl HelloAck {
    fn transcript(&self, hello_digest: &[u8; 32]) -> Transcript {
        Transcript::new("lattice-hello-ack-v1")
            .field(hello_digest)
            .field(&self.ephemeral.0)
            .number(u64::from(self.knows_previous))
    }
}

struct Keys {
    to_callee: MacKey,
    to_caller: MacKey,
    id: SessionId,
}

/// HKDF-SHA-256 over the shared secret, salted with everything both sides said.
fn derive(shared: &SharedSecret, transcript: &Transcript) -> Result<Keys, HandshakeError> {
    if !shared.was_contributory() {
        return Err(HandshakeError::WeakKey);
    }
    let hkdf = Hkdf::<Sha256>::new(Some(&transcript.digest()), shared.as_bytes());
    let mut to_callee = [0; 32];
    let mut to_caller = [0; 32];
    let mut id = [0; 16];
    for (info, out) in [
        (&b"lattice-session-v1 to callee"[..], &mut to_callee[..]),
        (b"lattice-session-v1 to caller", &mut to_caller),
        (b"lattice-session-v1 id", &mut id),
    ] {
        hkdf.expand(info, out).expect("HKDF-SHA-256 gives up to 8160 bytes");
    }
    let keys = Keys {
        to_callee: MacKey::new(to_callee),
        to_caller: MacKey::new(to_caller),
        id: SessionId(id),
    };
    to_callee.zeroize();
    to_caller.zeroize();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    fn identity(run: u64) -> Identity {
        let lattice = "dev".parse().expect("a lattice");
        Identity::new(lattice, KeyPair::new_server(), "token", Incarnation::from(run)).expect("a host key")
    }

    fn mac(key: &MacKey) -> [u8; 32] {
        key.mac(Default::default(), 1, [0; 16], 0, b"", b"").0
    }

    #[test]
    fn both_sides_get_the_same_keys_and_each_direction_its_own() {
        let (caller, callee) = (identity(1), identity(2));
        let (handshake, hello) = Handshake::begin(&caller, callee.address.clone(), None);
        let (ack, theirs) = hello
            .answer(&callee, &caller.address.member, false)
            .expect("a fair hello");
        let ours = handshake.finish(&ack).expect("a fair answer");
        assert_eq!(ours.id, theirs.id);
        assert_eq!(mac(&ours.outbound), mac(&theirs.inbound));
        assert_eq!(mac(&ours.inbound), mac(&theirs.outbound));
        assert_ne!(mac(&ours.inbound), mac(&ours.outbound));
        assert_eq!((ours.peer, theirs.peer), (callee.address, caller.address));
    }

    #[test]
    fn a_repeated_hello_gives_different_keys() {
        let (caller, callee) = (identity(1), identity(2));
        let (_, hello) = Handshake::begin(&caller, callee.address.clone(), None);
        let answer = || {
            hello
                .answer(&callee, &caller.address.member, false)
                .expect("a fair hello")
                .1
        };
        assert_ne!(answer().id, answer().id);
    }

    #[test]
    fn refuses_what_is_meant_for_others_or_was_changed() {
        let (caller, callee, other) = (identity(1), identity(2), identity(3));
        let (_, hello) = Handshake::begin(&caller, callee.address.clone(), None);
        let from = &caller.address.member;
        let check = |hello: &Hello, me: &Identity, from: &MemberId, expect: HandshakeError| {
            assert_eq!(hello.answer(me, from, false).err(), Some(expect));
        };
        check(&hello, &other, from, HandshakeError::NotForUs);
        check(&hello, &callee, &other.address.member, HandshakeError::Signature);
        check(
            &Hello { v: 9, ..hello.clone() },
            &callee,
            from,
            HandshakeError::Version(9),
        );
        check(
            &Hello {
                incarnation: Incarnation::from(7),
                ..hello.clone()
            },
            &callee,
            from,
            HandshakeError::Signature,
        );
        check(
            &Hello {
                previous: Some(Fixed([0; 16])),
                ..hello.clone()
            },
            &callee,
            from,
            HandshakeError::Signature,
        );
        check(
            &Hello {
                token: "other".into(),
                ..hello.clone()
            },
            &callee,
            from,
            HandshakeError::Signature,
        );
        check(
            &Hello {
                ephemeral: Fixed([0; 32]),
                ..hello
            },
            &callee,
            from,
            HandshakeError::Signature,
        );
    }

    #[test]
    fn refuses_an_answer_by_another_or_with_a_changed_claim() {
        let (caller, callee, other) = (identity(1), identity(2), identity(2));
        let begin = || Handshake::begin(&caller, callee.address.clone(), Some(SessionId([1; 16])));
        let answer = |hello: &Hello| {
            hello
                .answer(&callee, &caller.address.member, true)
                .expect("a fair hello")
                .0
        };

        let (handshake, hello) = begin();
        let ack = HelloAck {
            knows_previous: false,
            ..answer(&hello)
        };
        assert_eq!(handshake.finish(&ack).err(), Some(HandshakeError::Signature));

        let (handshake, _) = begin();
        let (_, another) = begin();
        assert_eq!(
            handshake.finish(&answer(&another)).err(),
            Some(HandshakeError::Signature)
        );

        let (handshake, mut hello) = begin();
        hello.to = other.address.member.clone();
        let transcript = hello.transcript(&caller.lattice, &caller.address.member);
        hello.signature = Fixed(caller.sign(transcript.bytes()));
        let (ack, _) = hello
            .answer(&other, &caller.address.member, true)
            .expect("fair for the other");
        assert_eq!(handshake.finish(&ack).err(), Some(HandshakeError::Signature));
    }

    #[test]
    fn a_degenerate_key_is_refused_even_when_signed() {
        let (caller, callee) = (identity(1), identity(2));
        let (_, mut hello) = Handshake::begin(&caller, callee.address.clone(), None);
        hello.ephemeral = Fixed([0; 32]);
        let transcript = hello.transcript(&caller.lattice, &caller.address.member);
        hello.signature = Fixed(caller.sign(transcript.bytes()));
        assert_eq!(
            hello.answer(&callee, &caller.address.member, false).err(),
            Some(HandshakeError::WeakKey)
        );
    }
}
