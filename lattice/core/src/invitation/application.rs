//! What a machine says to be let in.

use nkeys::KeyPair;
use serde::{Deserialize, Serialize};

use super::sealed::{SealError, Tag, Use};
use super::text::Invitation;
use crate::id::{HostId, UserId};

/// Longer words about a machine are cut.
const MACHINE_CHARS_MAX: usize = 80;

/// A machine's application. It stays with the machine until the answer has come.
#[derive(Clone, Debug)]
pub struct Application {
    body: Body,
}

/// Who applies: has the secret of the invitation and the key it applies for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The key that the machine made for itself.
    pub host: HostId,
    /// The key it made for NATS.
    pub user: UserId,
    /// What it says of itself, for a person to recognise it by. Nothing rests on this.
    pub machine: String,
    pub(super) tag: Tag,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    host: HostId,
    user: UserId,
    machine: String,
    /// New each time, so that no answer fits twice.
    nonce: [u8; 16],
    #[serde(with = "serde_bytes_64")]
    signature: [u8; 64],
}

impl Application {
    /// Applies for the key `host`. `nonce` is random.
    ///
    /// # Errors
    /// `host` is not a host's key or has no seed.
    pub fn new(
        invitation: &Invitation,
        host: &KeyPair,
        user: UserId,
        machine: &str,
        nonce: [u8; 16],
    ) -> Result<Self, SealError> {
        let id: HostId = host
            .public_key()
            .parse()
            .map_err(|error: crate::ParseIdError| SealError::Encode(error.to_string()))?;
        let mut body = Body {
            host: id,
            user,
            machine: shown(machine),
            nonce,
            signature: [0; 64],
        };
        let signature = host
            .sign(&signed(invitation, &body))
            .map_err(|_| SealError::Encode("the host's key has no seed".to_owned()))?;
        body.signature = signature
            .try_into()
            .map_err(|_| SealError::Encode("a signature of another length".to_owned()))?;
        Ok(Self { body })
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// They would be too many.
    pub fn seal(&self, invitation: &Invitation) -> Result<Vec<u8>, SealError> {
        Ok(self.sealed(invitation)?.0)
    }

    pub(super) fn sealed(&self, invitation: &Invitation) -> Result<(Vec<u8>, Tag), SealError> {
        invitation.secret.seal(Use::Application, None, &self.body)
    }

    /// The key that is applied for.
    pub fn host(&self) -> &HostId {
        &self.body.host
    }
}

impl Applicant {
    /// Reads an application; none when it was not written with the invitation's secret and by the key it is for.
    pub(super) fn read(invitation: &Invitation, bytes: &[u8]) -> Option<Self> {
        let (body, tag) = invitation.secret.open::<Body>(Use::Application, None, bytes)?;
        if !body.host.verifies(&signed(invitation, &body), &body.signature) {
            return None;
        }
        Some(Self {
            machine: shown(&body.machine),
            host: body.host,
            user: body.user,
            tag,
        })
    }
}

/// What the host's key signs: each part of fixed length or the last.
fn signed(invitation: &Invitation, body: &Body) -> Vec<u8> {
    let mut bytes = b"lattice invitation v1 applicant\0".to_vec();
    bytes.extend_from_slice(invitation.meeting().as_bytes());
    bytes.extend_from_slice(body.host.as_str().as_bytes());
    bytes.extend_from_slice(body.user.as_str().as_bytes());
    bytes.extend_from_slice(&body.nonce);
    bytes.extend_from_slice(invitation.lattice.as_str().as_bytes());
    bytes
}

/// A peer's word about itself, fit for a terminal.
fn shown(machine: &str) -> String {
    let printable = machine.chars().filter(|c| !c.is_control());
    printable.take(MACHINE_CHARS_MAX).collect()
}

/// A signature as MessagePack `bin`.
mod serde_bytes_64 {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
        let bytes = crate::wire::bytes::deserialize(deserializer)?;
        bytes
            .try_into()
            .map_err(|_| D::Error::invalid_length(bytes.len(), &"64 bytes"))
    }
}
