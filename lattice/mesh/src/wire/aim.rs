//! Whom a call is for: what stands behind the fixed part of its head.
//!
//! ```text
//! a party            the route, to the end
//! a stateful actor   the length of its address (u16), its address, the route to the end
//! the host itself    the version of this form (u8), the verb to the end
//! ```
//!
//! Which of them it is stands in the head's flags.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use lattice_core::{CallAddress, KeyedActor, Verb};

use super::call::{HeadError, VERSION};

/// Set in the flags when the call is for one stateful actor.
const KEYED: u8 = 2;
/// Set in the flags when the call is for the host itself.
const HOST_ASK: u8 = 4;

/// The most bytes of an address, and of each actor in it, besides names and keys.
const ADDRESS_FIXED: usize = 64;
const ACTOR_FIXED: usize = 3;

/// Whom a call is for. Routes are encoded, since both ends keep them: see [`super::routes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aim {
    /// A party, whichever instance of it.
    Party(Bytes),
    /// One stateful actor.
    Actor(CallAddress, Bytes),
    /// The host itself, without a link.
    Host(Verb),
}

impl Aim {
    /// What it adds to the flags of the head.
    pub(super) fn flag(&self) -> u8 {
        match self {
            Self::Party(_) => 0,
            Self::Actor(..) => KEYED,
            Self::Host(_) => HOST_ASK,
        }
    }

    /// About how many bytes it takes, for reserving them.
    pub(crate) fn len_about(&self) -> usize {
        match self {
            Self::Party(route) => route.len(),
            Self::Actor(address, route) => {
                let actor = |actor: &KeyedActor| ACTOR_FIXED + actor.name.as_str().len() + actor.key.as_str().len();
                let chain: usize = address.chain.iter().map(actor).sum();
                ADDRESS_FIXED + chain + address.key.as_str().len() + route.len()
            }
            Self::Host(verb) => 1 + verb.as_str().len(),
        }
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Party(route) => out.put_slice(route),
            Self::Actor(address, route) => {
                let address = address.encode();
                out.put_u16(u16::try_from(address.len()).expect("names, keys and chains are short"));
                out.put_slice(&address);
                out.put_slice(route);
            }
            Self::Host(verb) => {
                out.put_u8(VERSION);
                out.put_slice(verb.as_str().as_bytes());
            }
        }
    }

    pub(super) fn decode(flags: u8, mut bytes: Bytes) -> Result<Self, HeadError> {
        match flags & (KEYED | HOST_ASK) {
            0 => Ok(Self::Party(bytes)),
            KEYED => {
                let len = usize::from(bytes.try_get_u16().map_err(|_| HeadError::TooShort(bytes.len()))?);
                if len > bytes.len() {
                    return Err(HeadError::AddressLength(len));
                }
                let address = CallAddress::decode(&bytes.split_to(len))?;
                Ok(Self::Actor(address, bytes))
            }
            HOST_ASK => {
                let version = bytes.try_get_u8().map_err(|_| HeadError::TooShort(bytes.len()))?;
                if version != VERSION {
                    return Err(HeadError::Version(version));
                }
                let verb = str::from_utf8(&bytes).map_err(|_| HeadError::NoText)?;
                Ok(Self::Host(verb.parse()?))
            }
            _ => Err(HeadError::TwoAims),
        }
    }
}

#[cfg(test)]
mod tests {
    use lattice_core::stateful::Lane;
    use proptest::prelude::*;

    use super::*;

    fn address(key: &str, number: u64, owner_unreachable: bool) -> CallAddress {
        CallAddress {
            key: key.parse().expect("a key"),
            call: uuid::Uuid::from_u128(7),
            lane: Lane {
                id: 1,
                seq: number,
                floor: 3,
            },
            owner_unreachable,
            chain: vec!["desk/1".parse().expect("an actor")],
        }
    }

    fn encoded(aim: &Aim) -> Bytes {
        let mut out = BytesMut::new();
        aim.encode(&mut out);
        out.freeze()
    }

    proptest! {
        #[test]
        fn aims_never_panic_on_any_bytes(flags in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Aim::decode(flags, bytes.into());
        }

        #[test]
        fn addresses_never_panic_on_a_plausible_length(len in 0..80_u16, bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut all = BytesMut::new();
            all.put_u16(len);
            all.put_slice(&bytes);
            let _ = Aim::decode(KEYED, all.freeze());
        }

        #[test]
        fn aims_round_trip(key in "[a-z/ ]{1,128}", verb in "[a-z]{1,20}", number in any::<u64>(), lost in any::<bool>(), route in prop::collection::vec(any::<u8>(), 0..100)) {
            let route = Bytes::from(route);
            let aims = [
                Aim::Party(route.clone()),
                Aim::Actor(address(&key, number, lost), route),
                Aim::Host(verb.parse().expect("a verb")),
            ];
            for aim in aims {
                let bytes = encoded(&aim);
                prop_assert!(bytes.len() <= aim.len_about());
                prop_assert_eq!(Aim::decode(aim.flag(), bytes).expect("own bytes"), aim);
            }
        }
    }

    /// The bytes of every release stay readable: hosts of two versions share a lattice.
    #[test]
    fn the_bytes_are_what_they_were() {
        let route = Bytes::from_static(b"route");
        let check = |aim: Aim, flag: u8, expect: &[u8]| {
            assert_eq!((aim.flag(), &encoded(&aim)[..]), (flag, expect));
            assert_eq!(
                Aim::decode(flag, Bytes::copy_from_slice(expect)).expect("readable"),
                aim
            );
        };
        check(Aim::Party(route.clone()), 0, b"route");
        check(Aim::Host("seize".parse().expect("a verb")), 4, b"\x01seize");
        let mut keyed = vec![0, 56, 1];
        keyed.extend(7_u128.to_be_bytes());
        keyed.extend([1, 2, 3].map(u64::to_be_bytes).concat());
        keyed.extend(b"\x01\x01\x00\x06desk/1alice");
        keyed.extend(b"route");
        check(Aim::Actor(address("alice", 2, true), route), 2, &keyed);
    }

    #[test]
    fn what_is_cut_off_or_contradicts_itself_is_refused() {
        let whole = encoded(&Aim::Actor(address("a", 1, false), Bytes::new()));
        for len in 0..whole.len() {
            assert!(Aim::decode(KEYED, whole.slice(..len)).is_err(), "{len} bytes");
        }
        for (flags, bytes) in [
            (KEYED | HOST_ASK, &whole[..]),
            (HOST_ASK, b"\x02seize"),
            (HOST_ASK, b"\x01no verb"),
        ] {
            assert!(
                Aim::decode(flags, Bytes::copy_from_slice(bytes)).is_err(),
                "{flags} {bytes:?}"
            );
        }
    }
}
