//! From where replicas are and where they shall be to what has to be done. Pure.

use std::collections::BTreeMap;

use lattice_core::HostId;

/// One thing to do on one host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Start the actor with this many replicas.
    Start(HostId, u32),
    /// Change the number of replicas.
    Scale(HostId, u32),
    /// Stop the actor.
    Stop(HostId),
}

impl Action {
    /// Whether it adds replicas. Those come first, so that there are never fewer than before or after.
    pub fn grows(&self, now: &BTreeMap<HostId, u32>) -> bool {
        match self {
            Self::Start(..) => true,
            Self::Scale(host, replicas) => now.get(host).is_some_and(|have| have < replicas),
            Self::Stop(_) => false,
        }
    }

    /// Where.
    pub fn host(&self) -> &HostId {
        match self {
            Self::Start(host, _) | Self::Scale(host, _) | Self::Stop(host) => host,
        }
    }
}

/// Says what has to be done to get from `now` to `wanted`: what adds replicas first, then what takes them away.
///
/// A host with zero wanted, or not mentioned in `wanted`, gives its replicas up.
pub fn plan(now: &BTreeMap<HostId, u32>, wanted: &[(HostId, u32)]) -> Vec<Action> {
    let wanted: BTreeMap<&HostId, u32> = wanted.iter().map(|(host, replicas)| (host, *replicas)).collect();
    let mut actions: Vec<Action> = Vec::new();
    for (&host, &replicas) in &wanted {
        match now.get(host).copied() {
            None | Some(0) if replicas > 0 => actions.push(Action::Start(host.clone(), replicas)),
            Some(have) if replicas > 0 && have != replicas => actions.push(Action::Scale(host.clone(), replicas)),
            _ => {}
        }
    }
    let leaves = |host: &HostId| wanted.get(host).copied().unwrap_or(0) == 0;
    actions.extend(
        now.keys()
            .filter(|host| leaves(host))
            .map(|host| Action::Stop(host.clone())),
    );
    // Stable: among equals the order of the hosts stays.
    actions.sort_by_key(|action| !action.grows(now));
    actions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(seed: u8) -> HostId {
        let key = nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
        key.public_key().parse().expect("a server key")
    }

    #[test]
    fn adds_before_it_takes_away() {
        let now = BTreeMap::from([(host(1), 2), (host(2), 1)]);
        let actions = plan(&now, &[(host(2), 3), (host(3), 1)]);
        assert_eq!(actions.last(), Some(&Action::Stop(host(1))));
        assert!(actions.contains(&Action::Scale(host(2), 3)) && actions.contains(&Action::Start(host(3), 1)));
        assert_eq!(actions.len(), 3);
    }

    proptest! {
        #[test]
        fn leads_to_what_is_wanted_and_never_below_the_smaller_of_the_two(
            now in proptest::collection::btree_map(0..8u8, 0..5u32, 0..8),
            wanted in proptest::collection::btree_map(0..8u8, 0..5u32, 0..8),
        ) {
            let now: BTreeMap<HostId, u32> = now.into_iter().map(|(seed, count)| (host(seed), count)).collect();
            let wanted: Vec<(HostId, u32)> = wanted.into_iter().map(|(seed, count)| (host(seed), count)).collect();
            let total = |state: &BTreeMap<HostId, u32>| state.values().sum::<u32>();
            let least = total(&now).min(wanted.iter().map(|(_, count)| count).sum());

            let mut state = now.clone();
            for action in plan(&now, &wanted) {
                match &action {
                    Action::Start(host, replicas) => prop_assert_eq!(state.insert(host.clone(), *replicas).unwrap_or(0), 0),
                    Action::Scale(host, replicas) => prop_assert!(state.insert(host.clone(), *replicas).is_some_and(|have| have > 0)),
                    Action::Stop(host) => prop_assert!(state.remove(host).is_some()),
                }
                prop_assert!(total(&state) >= least);
            }
            let mut wanted: BTreeMap<HostId, u32> = wanted.into_iter().collect();
            wanted.retain(|_, count| *count > 0);
            prop_assert_eq!(state, wanted);
        }
    }
}
