//! The name of one call.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::ParseIdError;

/// One call, local or across the lattice: a UUID, version 7 where we make it, so that ids sort by time.
///
/// ```
/// # use lattice_core::InvocationId;
/// let id = InvocationId::from_parts(1_763_804_820_000, [7; 10]);
/// assert_eq!(id.to_string().parse::<InvocationId>().as_ref(), Ok(&id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvocationId(Uuid);

impl InvocationId {
    /// Builds a version 7 id from the time in milliseconds and random bytes.
    pub fn from_parts(unix_millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The UUID itself.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }

    /// The sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<Uuid> for InvocationId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for InvocationId {
    type Err = ParseIdError;

    /// Takes the 36 character form and, as in subjects, the 32 digit one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.len() == 32 || text.len() == 36;
        let uuid = plain.then(|| Uuid::try_parse(text).ok()).flatten();
        uuid.map(Self)
            .ok_or_else(|| ParseIdError::new("an invocation id", text, "it must be a UUID"))
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvocationId({self})")
    }
}
