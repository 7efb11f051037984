//! What a call to a stateful actor carries besides what every call does.

use uuid::Uuid;

use super::{ActorKey, KeyedActor};
use crate::id::{Digest, ParseIdError};

/// Which actor a call is for, and how it is told from others when it is made again.
///
/// ```text
/// offset  bytes  field
///      0      1  version
///      1     16  call: what the actor knows it by when it comes again
///     17      8  lane: which run of which caller numbers its calls
///     25      8  seq: its number there
///     33      8  floor: the lowest number of which the caller still waits for an answer of this actor
///     41      1  flags
///     42      1  how many actors wait for the answer already, then each: a u16 length and its text, `cart/alice`
///      …      …  the key, to the end
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAddress {
    /// The key of the actor.
    pub key: ActorKey,
    /// Names the call for good: the same call made again, by whomever, has the same.
    pub call: Uuid,
    /// Its place among the calls of its caller.
    pub lane: Lane,
    /// Whether the caller could not reach the owner it knew of.
    pub owner_unreachable: bool,
    /// The stateful actors in whose turns the call is made, the outermost first. One that met itself there would wait for itself for ever.
    pub chain: Vec<KeyedActor>,
}

/// A caller's own numbering of its calls, by which an actor knows which answers it need not keep any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// One run of one caller.
    pub id: u64,
    /// The number of the call. Grows with every new call; a call made again keeps it.
    pub seq: u64,
    /// Below it, the caller has all the answers it wants from this actor.
    pub floor: u64,
}

impl Lane {
    /// Of a call that is made once, whatever comes of it: nothing of it has to be remembered.
    pub const ONCE: Self = Self {
        id: 0,
        seq: u64::MAX,
        floor: 0,
    };
}

/// An id that everybody derives alike from the same text: half of its digest.
pub fn derived_id(text: &str) -> Uuid {
    let digest = Digest::of(text.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(half).into_uuid()
}

/// An address that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MalformedAddress {
    /// Shorter than its fixed part.
    #[error("the address of a stateful actor is cut off")]
    Short,
    /// A version this program does not know.
    #[error("version {0} of the address of a stateful actor is not supported")]
    Version(u8),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] ParseIdError),
    /// The key is no text.
    #[error("the key of a stateful actor is no text")]
    NoText,
}

/// The longest chain of calls from one stateful actor to the next.
pub const CHAIN_MAX: usize = 16;

const VERSION: u8 = 1;
const FIXED: usize = 43;
const OWNER_UNREACHABLE: u8 = 1;

impl CallAddress {
    /// Writes the address for the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + self.key.as_str().len());
        bytes.push(VERSION);
        bytes.extend_from_slice(self.call.as_bytes());
        for number in [self.lane.id, self.lane.seq, self.lane.floor] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.push(if self.owner_unreachable { OWNER_UNREACHABLE } else { 0 });
        let chain = &self.chain[..self.chain.len().min(CHAIN_MAX)];
        bytes.push(u8::try_from(chain.len()).unwrap_or(u8::MAX));
        for actor in chain {
            let text = actor.to_string();
            bytes.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(self.key.as_str().as_bytes());
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`MalformedAddress`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedAddress> {
        let (fixed, mut rest) = bytes.split_first_chunk::<FIXED>().ok_or(MalformedAddress::Short)?;
        if fixed[0] != VERSION {
            return Err(MalformedAddress::Version(fixed[0]));
        }
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&fixed[at..at + 8]);
            u64::from_be_bytes(bytes)
        };
        let mut call = [0; 16];
        call.copy_from_slice(&fixed[1..17]);
        let text = |bytes| str::from_utf8(bytes).map_err(|_| MalformedAddress::NoText);
        let mut chain = Vec::new();
        for _ in 0..fixed[42] {
            let (length, tail) = rest.split_first_chunk::<2>().ok_or(MalformedAddress::Short)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (actor, tail) = tail.split_at_checked(length).ok_or(MalformedAddress::Short)?;
            chain.push(text(actor)?.parse()?);
            rest = tail;
        }
        Ok(Self {
            key: text(rest)?.parse()?,
            call: Uuid::from_bytes(call),
            lane: Lane {
                id: number(17),
                seq: number(25),
                floor: number(33),
            },
            owner_unreachable: fixed[41] & OWNER_UNREACHABLE != 0,
            chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_round_trip(key in "[a-z/ ]{1,20}", call in any::<u128>(), id in any::<u64>(), seq in any::<u64>(), floor in any::<u64>(), owner_unreachable in any::<bool>(), chain in prop::collection::vec("[a-z]{1,5}/[a-z/]{1,9}", 0..4)) {
            let address = CallAddress {
                key: key.parse().expect("a key"),
                call: Uuid::from_u128(call),
                lane: Lane { id, seq, floor },
                owner_unreachable,
                chain: chain.iter().map(|actor| actor.parse().expect("an actor")).collect(),
            };
            prop_assert_eq!(CallAddress::decode(&address.encode()).expect("own bytes"), address);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = CallAddress::decode(&bytes);
        }
    }
}
