//! Where a stateful actor belongs as long as nobody knows where it is: rendezvous hashing. Pure.
//!
//! Every caller that has heard the same heartbeats comes to the same order, so that all of them wake an actor at the same place; and when a
//! member comes or goes, only those actors change their place that come to it or leave it.

use std::cmp::Reverse;

use super::KeyedActor;
use crate::id::MemberId;

/// Puts members in the order in which they are asked for an actor of which nobody knows where it is.
pub fn homes(actor: &KeyedActor, mut members: Vec<MemberId>) -> Vec<MemberId> {
    let hash = actor.hash64();
    members.sort_by_cached_key(|member| (Reverse(weight(hash, member)), member.clone()));
    members
}

/// The same everywhere and in every version: FNV-1a over the member's id, begun with the actor's hash, then mixed (SplitMix64), since FNV
/// alone spreads its last bytes badly.
fn weight(actor: u64, member: &MemberId) -> u64 {
    let mut z = member.as_str().bytes().fold(actor, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use nkeys::{KeyPair, KeyPairType};

    use super::*;

    fn members(count: u8) -> Vec<MemberId> {
        let member = |number| {
            let key = KeyPair::new_from_raw(KeyPairType::Server, [number; 32]).expect("a key");
            key.public_key().parse().expect("a host key")
        };
        (0..count).map(member).collect()
    }

    fn first(number: u32, members: Vec<MemberId>) -> MemberId {
        let actor: KeyedActor = format!("cart/{number}").parse().expect("an actor");
        homes(&actor, members).swap_remove(0)
    }

    #[test]
    fn members_share_evenly_and_the_order_they_are_given_in_does_not_count() {
        let five = members(5);
        let mut hits = [0_u32; 5];
        for number in 0..10_000 {
            let home = first(number, five.clone());
            assert_eq!(home, first(number, five.iter().rev().cloned().collect()));
            hits[five.iter().position(|member| *member == home).expect("one of them")] += 1;
        }
        assert!(hits.iter().all(|hits| (1_800..2_200).contains(hits)), "{hits:?}");
    }

    #[test]
    fn a_member_that_goes_takes_nobody_elses_actors_along() {
        let (five, four) = (members(5), members(4));
        for number in 0..2_000 {
            let home = first(number, five.clone());
            assert!(!four.contains(&home) || home == first(number, four.clone()));
        }
    }

    /// Hosts of two versions share a lattice, and have to agree.
    #[test]
    fn the_order_is_what_it_was() {
        let known = members(4);
        let actor: KeyedActor = "cart/alice".parse().expect("an actor");
        let got = homes(&actor, known.clone());
        let places: Vec<_> = got
            .iter()
            .map(|member| known.iter().position(|other| other == member))
            .collect();
        assert_eq!(places, [Some(3), Some(0), Some(2), Some(1)]);
    }
}
