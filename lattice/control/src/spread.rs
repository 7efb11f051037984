//! How many replicas go where: exact, even by weight, and no more moves than needed. Pure.

use std::cmp::Reverse;

use lattice_core::{HostId, Labels};

/// A host that could run replicas.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// The host.
    pub host: HostId,
    /// Its labels.
    pub labels: Labels,
    /// Its share of the work relative to the others. All zero means all equal.
    pub weight: u32,
    /// How many replicas it runs now. Where a share cannot be split evenly, those who have the replica keep it.
    pub current: u32,
    /// How much else it runs. Where a share cannot be split evenly and nobody has the replica, the idlest gets it.
    pub busy: u32,
}

/// No candidate carries the labels asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no host matches `{selector}` ({considered} looked at)")]
pub struct NoHostMatches {
    /// The labels asked for.
    pub selector: Labels,
    /// How many hosts there were.
    pub considered: usize,
}

/// Spreads `replicas` over the hosts that match `selector`, by largest remainder.
///
/// Every matching host is in the answer, in the order of its id, also those that get none; hosts that do not match are not.
///
/// # Errors
/// When there are replicas to place and no host matches.
pub fn spread(replicas: u32, hosts: &[Candidate], selector: &Labels) -> Result<Vec<(HostId, u32)>, NoHostMatches> {
    let mut matching: Vec<&Candidate> = hosts.iter().filter(|host| host.labels.matches(selector)).collect();
    matching.sort_by(|a, b| a.host.cmp(&b.host));
    matching.dedup_by(|a, b| a.host == b.host);
    if matching.is_empty() {
        if replicas == 0 {
            return Ok(Vec::new());
        }
        return Err(NoHostMatches {
            selector: selector.clone(),
            considered: hosts.len(),
        });
    }

    let parts: Vec<Part> = matching
        .iter()
        .map(|host| Part {
            weight: host.weight,
            room: u32::MAX,
            current: host.current,
            busy: host.busy,
        })
        .collect();
    Ok(matching
        .iter()
        .zip(share_out(replicas, &parts))
        .map(|(host, count)| (host.host.clone(), count))
        .collect())
}

/// One of those among whom something is shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Its share relative to the others. All zero means all equal.
    pub(crate) weight: u32,
    /// The most it takes.
    pub(crate) room: u32,
    /// How many it has now.
    pub(crate) current: u32,
    /// How much else it has.
    pub(crate) busy: u32,
}

/// Shares `count` out by largest remainder, to nobody more than it has room for; what it cannot take, the others share in the same
/// way. Less than `count` is shared out only when nobody has room left.
///
/// Among equals those come first who have it already, then the idlest, then the first.
pub(crate) fn share_out(count: u32, parts: &[Part]) -> Vec<u32> {
    let mut counts = vec![0; parts.len()];
    let mut open: Vec<usize> = (0..parts.len()).collect();
    let mut left = count;
    loop {
        let fair = fair_shares(left, parts, &open);
        let (full, fits): (Vec<_>, Vec<_>) = open
            .iter()
            .zip(&fair)
            .partition(|(index, fair)| **fair > parts[**index].room);
        if full.is_empty() {
            for (index, fair) in fits {
                counts[*index] = *fair;
            }
            return counts;
        }
        for (index, _) in &full {
            counts[**index] = parts[**index].room;
            left -= parts[**index].room;
        }
        open = fits.into_iter().map(|(index, _)| *index).collect();
    }
}

/// What falls to each of the `open` ones when all of them have room.
fn fair_shares(count: u32, parts: &[Part], open: &[usize]) -> Vec<u32> {
    let all_zero = open.iter().all(|index| parts[*index].weight == 0);
    let weight = |index: usize| if all_zero { 1 } else { u64::from(parts[index].weight) };
    let total: u64 = open.iter().map(|index| weight(*index)).sum();
    let Some(total) = std::num::NonZeroU64::new(total) else {
        return Vec::new();
    };
    // u32 × u32 fits a u64: no overflow whatever the weights.
    let product = |index: usize| u64::from(count) * weight(index);
    let floor =
        |index: usize| u32::try_from(product(index) / total).expect("a share is at most the whole, which is a u32");
    let mut shares: Vec<u32> = open.iter().map(|index| floor(*index)).collect();
    let mut order: Vec<usize> = (0..open.len()).collect();
    order.sort_by_key(|&at| {
        let (index, part) = (open[at], &parts[open[at]]);
        (
            Reverse(product(index) % total),
            Reverse(part.current > shares[at]),
            part.busy,
        )
    });
    let placed: u32 = shares.iter().sum();
    // The remainders add up to exactly this many whole ones, always fewer than there are parts with a remainder.
    for at in order.into_iter().take((count - placed) as usize) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(seed: u8) -> HostId {
        let key = nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
        key.public_key().parse().expect("a server key")
    }

    fn candidate(seed: u8, labels: &str) -> Candidate {
        let labels = labels.parse().expect("labels");
        Candidate {
            host: host(seed),
            labels,
            weight: 1,
            current: 0,
            busy: 0,
        }
    }

    fn counts(spread: &[(HostId, u32)]) -> Vec<u32> {
        let mut counts: Vec<u32> = spread.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn six_over_three_is_two_each() {
        let hosts = [candidate(1, ""), candidate(2, ""), candidate(3, "")];
        let spread = spread(6, &hosts, &Labels::new()).expect("hosts match");
        assert_eq!(counts(&spread), [2, 2, 2]);
    }

    #[test]
    fn only_hosts_that_match_take_part() {
        let hosts = [
            candidate(1, "zone=edge"),
            candidate(2, "zone=cloud"),
            candidate(3, "zone=edge,arch=arm"),
        ];
        let selector = "zone=edge".parse().expect("labels");
        let spread = spread(3, &hosts, &selector).expect("hosts match");
        assert!(spread.iter().all(|(id, _)| *id != hosts[1].host));
        assert_eq!(counts(&spread), [1, 2]);
    }

    #[test]
    fn nobody_matches() {
        let selector = "zone=moon".parse().expect("labels");
        let error = spread(1, &[candidate(1, "zone=edge")], &selector).expect_err("no host there");
        assert_eq!(error.considered, 1);
        assert_eq!(spread(0, &[], &selector), Ok(vec![]), "nothing to place is no failure");
    }

    #[test]
    fn what_cannot_be_even_stays_where_it_is_else_goes_to_the_idlest() {
        let mut hosts = [candidate(1, ""), candidate(2, ""), candidate(3, "")];
        hosts[0].busy = 5;
        hosts[1].busy = 2;
        hosts[2].busy = 5;
        let first = spread(1, &hosts, &Labels::new()).expect("hosts match");
        let on = |spread: &[(HostId, u32)]| {
            spread
                .iter()
                .find(|(_, count)| *count == 1)
                .map(|(host, _)| host.clone())
        };
        assert_eq!(on(&first), Some(hosts[1].host.clone()));
        hosts[2].current = 1;
        let second = spread(1, &hosts, &Labels::new()).expect("hosts match");
        assert_eq!(on(&second), Some(hosts[2].host.clone()));
    }

    fn arbitrary_hosts() -> impl Strategy<Value = Vec<Candidate>> {
        let host = (any::<u8>(), 0..3u8, 0..1000u32, 0..50u32, 0..50u32);
        proptest::collection::vec(host, 0..12).prop_map(|hosts| {
            let labels = |zone| format!("zone=z{zone}").parse().expect("labels");
            let candidate = |(seed, zone, weight, current, busy)| Candidate {
                host: host_of(seed),
                labels: labels(zone),
                weight,
                current,
                busy,
            };
            hosts.into_iter().map(candidate).collect()
        })
    }

    fn host_of(seed: u8) -> HostId {
        host(seed)
    }

    proptest! {
        #[test]
        fn is_exact_and_within_one_of_the_fair_share(
            replicas in 0..5000u32, hosts in arbitrary_hosts(), zone in proptest::option::of(0..3u8),
        ) {
            let selector: Labels = zone.map_or_else(Labels::new, |zone| format!("zone=z{zone}").parse().expect("labels"));
            let Ok(spread) = spread(replicas, &hosts, &selector) else {
                prop_assert!(!hosts.iter().any(|host| host.labels.matches(&selector)));
                return Ok(());
            };
            prop_assert_eq!(spread.iter().map(|(_, count)| u64::from(*count)).sum::<u64>(), if spread.is_empty() { 0 } else { u64::from(replicas) });

            // Hosts of one id count once, as the first that matches in the order of ids.
            let of = |id: &HostId| hosts.iter().find(|host| host.host == *id && host.labels.matches(&selector)).expect("it matched");
            let weights: Vec<u64> = spread.iter().map(|(id, _)| u64::from(of(id).weight)).collect();
            let all_zero = weights.iter().all(|weight| *weight == 0);
            let weights: Vec<u64> = weights.into_iter().map(|weight| if all_zero { 1 } else { weight }).collect();
            let total: u64 = weights.iter().sum();
            for ((_, count), weight) in spread.iter().zip(weights) {
                let fair = u64::from(replicas) * weight / total.max(1);
                prop_assert!(u64::from(*count) == fair || u64::from(*count) == fair + 1);
            }
        }

        #[test]
        fn nobody_gets_more_than_fits_and_nothing_is_left_over_while_there_is_room(
            count in 0..5000u32,
            parts in proptest::collection::vec((0..1000u32, 0..200u32, 0..50u32), 0..12),
        ) {
            let parts: Vec<Part> =
                parts.into_iter().map(|(weight, room, busy)| Part { weight, room, current: 0, busy }).collect();
            let counts = share_out(count, &parts);
            let open: u32 = parts.iter().zip(&counts).map(|(part, count)| part.room - count).sum();
            let placed: u32 = counts.iter().sum();
            prop_assert!(placed <= count);
            prop_assert!(placed == count || open == 0);
        }

        #[test]
        fn placing_again_moves_nothing(replicas in 0..500u32, hosts in arbitrary_hosts()) {
            let Ok(first) = spread(replicas, &hosts, &Labels::new()) else { return Ok(()) };
            let settled: Vec<Candidate> = hosts
                .into_iter()
                .map(|host| {
                    let current = first.iter().find(|(id, _)| *id == host.host).map_or(0, |(_, count)| *count);
                    Candidate { current, ..host }
                })
                .collect();
            prop_assert_eq!(spread(replicas, &settled, &Labels::new()).expect("as before"), first);
        }
    }
}
