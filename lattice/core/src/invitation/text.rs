//! An invitation as the text that people copy.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SECRET_BYTES;
use super::sealed::{Secret, Use};
use crate::id::{LatticeId, OperatorId};
use crate::time::UnixSeconds;

/// What every invitation begins with.
pub const PREFIX: &str = "lattice1.";

/// Enough to notice a character that was lost or mistyped.
const CHECK_BYTES: usize = 4;
/// Enough that two invitations never meet.
const MEETING_BYTES: usize = 10;
/// Longer texts are refused unread.
const TEXT_BYTES_MAX: usize = 4096;

/// Lets one machine become a host, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The lattice it leads into.
    pub lattice: LatticeId,
    /// Where its NATS is.
    pub servers: Vec<String>,
    /// Whose trust bundles the machine shall believe.
    pub operators: Vec<OperatorId>,
    /// When it is over.
    pub expires_at: UnixSeconds,
    /// What shows that the machine was invited.
    pub secret: Secret,
}

/// A text that is no invitation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It is something else.
    #[error("this is no invitation: it should begin with `{PREFIX}`")]
    Other,
    /// Characters are missing, changed or added.
    #[error("the invitation is damaged: copy it again, whole and as one line")]
    Damaged,
    /// It does not say what an invitation has to.
    #[error("the invitation cannot be understood: {0}")]
    Unclear(String),
}

/// The text's content, in this order.
#[derive(Serialize, Deserialize)]
struct Content(LatticeId, Vec<String>, Vec<OperatorId>, UnixSeconds, [u8; SECRET_BYTES]);

impl Invitation {
    /// The invitation as one word to copy. It holds the secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(self.secret.bytes());
        let content = Content(
            self.lattice.clone(),
            self.servers.clone(),
            self.operators.clone(),
            self.expires_at,
            secret,
        );
        let bytes = rmp_serde::to_vec(&content).expect("texts, numbers and bytes are MessagePack");
        let mut bytes = Zeroizing::new(bytes);
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Where the two meet: part of a NATS subject. It follows from the secret and does not lead back to it.
    pub fn meeting(&self) -> String {
        let derived = self.secret.derive(Use::Meeting);
        BASE32_NOPAD.encode(&derived[..MEETING_BYTES]).to_ascii_lowercase()
    }

    /// Where a machine hears the answer. Credentials made for an invitation allow only this place.
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.enrol-{}", self.meeting())
    }

    /// Says whether it is over.
    pub fn has_expired(&self, now: UnixSeconds) -> bool {
        now > self.expires_at
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let coded = text.trim().strip_prefix(PREFIX).ok_or(InvitationError::Other)?;
        if coded.len() > TEXT_BYTES_MAX {
            return Err(InvitationError::Damaged);
        }
        let bytes = BASE64URL_NOPAD.decode(coded.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| InvitationError::Damaged)?);
        let (content, claimed) = bytes
            .split_last_chunk::<CHECK_BYTES>()
            .ok_or(InvitationError::Damaged)?;
        if check(content) != *claimed {
            return Err(InvitationError::Damaged);
        }
        let unclear = |error: rmp_serde::decode::Error| InvitationError::Unclear(error.to_string());
        let Content(lattice, servers, operators, expires_at, secret) =
            rmp_serde::from_slice(content).map_err(unclear)?;
        if servers.is_empty() || operators.is_empty() {
            let what = "it names no NATS server or no operator";
            return Err(InvitationError::Unclear(what.to_owned()));
        }
        Ok(Self {
            lattice,
            servers,
            operators,
            expires_at,
            secret: secret.into(),
        })
    }
}

fn check(content: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = blake3::hash(content);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    check
}

impl fmt::Display for Invitation {
    /// What may be shown: not the text itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invitation {} into the lattice `{}`", self.meeting(), self.lattice)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use nkeys::KeyPair;
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn invitation(operator: &KeyPair) -> Invitation {
        Invitation {
            lattice: "field".parse().expect("a name"),
            servers: vec!["nats://192.0.2.7:4222".to_owned()],
            operators: vec![operator.public_key().parse().expect("an operator")],
            expires_at: UnixSeconds::new(1_800_000_900),
            secret: [9; SECRET_BYTES].into(),
        }
    }

    #[test]
    fn is_read_as_it_was_written_and_is_short() {
        let invitation = invitation(&KeyPair::new_operator());
        let text = invitation.to_text();
        assert_eq!(text.parse::<Invitation>(), Ok(invitation.clone()));
        assert!(text.len() < 200, "{} characters", text.len());
        assert_eq!(format!("  {}\n", *text).parse::<Invitation>(), Ok(invitation));
    }

    #[test]
    fn a_mistake_in_copying_is_noticed() {
        let text = invitation(&KeyPair::new_operator()).to_text();
        for index in PREFIX.len()..text.len() {
            let mut lost = text.to_string();
            lost.remove(index);
            assert_eq!(
                lost.parse::<Invitation>(),
                Err(InvitationError::Damaged),
                "{index} lost"
            );
        }
        assert_eq!("SUAM".parse::<Invitation>(), Err(InvitationError::Other));
        assert_eq!(PREFIX.parse::<Invitation>(), Err(InvitationError::Damaged));
    }

    #[test]
    fn neither_its_debug_nor_its_display_nor_its_meeting_place_has_the_secret() {
        let invitation = invitation(&KeyPair::new_operator());
        let shown = format!("{invitation:?} {invitation} {}", invitation.meeting());
        assert!(!shown.contains("[9, 9") && shown.contains("redacted"), "{shown}");
        let other = Invitation {
            secret: [8; SECRET_BYTES].into(),
            ..invitation.clone()
        };
        assert_ne!(other.meeting(), invitation.meeting());
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text: String) {
            prop_assert!(text.parse::<Invitation>().is_err());
            let prefixed = PREFIX.to_owned() + &text;
            prop_assert!(prefixed.parse::<Invitation>().is_err());
        }
    }
}
