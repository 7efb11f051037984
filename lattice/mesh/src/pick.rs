//! Which of several members gets a call. A pure decision.
//!
//! The less loaded of two taken at random: nearly as even as asking everybody, and unlike "the least loaded of all" it does not send the
//! whole lattice to the same host until its next heartbeat.

/// How busy a member is, as the caller sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Calls under way there: our own, which we know exactly, and others, as last reported.
    pub in_flight: u32,
    /// How many it runs at once.
    pub capacity: u32,
}

impl Load {
    /// Whether `self` is busier than `other`, relative to what each can take.
    fn exceeds(self, other: Self) -> bool {
        let mine = u64::from(self.in_flight) * u64::from(other.capacity.max(1));
        let theirs = u64::from(other.in_flight) * u64::from(self.capacity.max(1));
        mine > theirs
    }
}

/// Picks one of `loads` by index; `dice` is any random number. `None` when there is nobody.
pub(crate) fn pick(loads: &[Load], dice: u64) -> Option<usize> {
    let count = loads.len() as u64;
    if count < 2 {
        return (count == 1).then_some(0);
    }
    let first = (dice >> 32) % count;
    // Any of the others, each as likely.
    let second = (first + 1 + (dice & u64::from(u32::MAX)) % (count - 1)) % count;
    let (first, second) = (usize::try_from(first).ok()?, usize::try_from(second).ok()?);
    Some(if loads[first].exceeds(loads[second]) {
        second
    } else {
        first
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(in_flight: u32, capacity: u32) -> Load {
        Load { in_flight, capacity }
    }

    #[test]
    fn takes_the_only_one_and_nobody_from_nothing() {
        assert_eq!(pick(&[], 7), None);
        assert_eq!(pick(&[load(9, 1)], 7), Some(0));
    }

    #[test]
    fn of_two_the_relatively_less_loaded_wins_whatever_the_dice() {
        // 10 of 100 is less than 3 of 6.
        for dice in [0, 1, u64::MAX, 0xdead_beef_0000_0001] {
            assert_eq!(pick(&[load(3, 6), load(10, 100)], dice), Some(1));
        }
    }

    proptest! {
        #[test]
        fn never_picks_the_strictly_busiest(loads in prop::collection::vec((0..1000_u32, 0..200_u32), 2..20), dice in any::<u64>()) {
            let loads: Vec<Load> = loads.into_iter().map(|(in_flight, capacity)| load(in_flight, capacity)).collect();
            let picked = pick(&loads, dice).expect("there is somebody");
            prop_assert!(loads.iter().enumerate().any(|(index, other)| index != picked && !loads[picked].exceeds(*other)));
        }
    }

    #[test]
    fn idle_members_share_evenly() {
        let loads = [load(0, 8); 5];
        let mut hits = [0_u32; 5];
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..10_000 {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            hits[pick(&loads, dice ^ (dice >> 29)).expect("somebody")] += 1;
        }
        assert!(hits.iter().all(|hits| (1_700..2_300).contains(hits)), "{hits:?}");
    }
}
