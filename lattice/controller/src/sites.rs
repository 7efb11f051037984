//! Which hosts are out of sight together with their site, and so go on there as far as anybody can tell.
//!
//! One host of a site that is not heard while another is has failed. When none is heard, the way to them is cut, or all of them have
//! failed; nobody here can tell. Hosts of one site are not lost, and do not come back, in the same instant: within [`SETTLES`] of either,
//! those that are missing are not taken for failed yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lattice_core::{HostId, SiteName};

/// Longer than two heartbeats, which is what lies between the first host of a site and its last.
const SETTLES: Duration = Duration::from_secs(5);

/// What is remembered of sites. All of it may be lost: then whoever is missing counts as away for a little longer.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// Since when hosts are missing.
    missing: BTreeMap<HostId, Instant>,
    /// Sites of which somebody is missing and nobody was in sight.
    dark: BTreeSet<SiteName>,
    /// When sites came into sight again.
    back: BTreeMap<SiteName, Instant>,
    /// When the next of those that are missing may turn out to have failed.
    pub(crate) look_again: Option<Instant>,
}

impl Sites {
    /// Says which of the `missing` hosts are away with their site, given the sites in sight.
    pub(crate) fn away(
        &mut self,
        in_sight: &BTreeSet<SiteName>,
        missing: &[(HostId, SiteName)],
        now: Instant,
    ) -> BTreeSet<HostId> {
        self.missing.retain(|id, _| missing.iter().any(|(host, _)| host == id));
        for site in in_sight {
            if self.dark.remove(site) {
                self.back.insert(site.clone(), now);
            }
        }
        self.back.retain(|_, since| now < *since + SETTLES);
        self.look_again = None;
        let mut away = BTreeSet::new();
        for (host, site) in missing {
            let since = *self.missing.entry(host.clone()).or_insert(now);
            if !in_sight.contains(site) {
                self.dark.insert(site.clone());
                away.insert(host.clone());
                continue;
            }
            let settled = self.back.get(site).map_or(since, |back| since.max(*back)) + SETTLES;
            if now < settled {
                away.insert(host.clone());
                self.look_again = Some(self.look_again.map_or(settled, |at| at.min(settled)));
            }
        }
        away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: [&str; 2] = [
        "NA4MVB5HCJCTXTH2JV4XMKXL77ED47EPL5EQMJJOYQ63UBAHWNLL3SDQ",
        "NB43XBLWFUS3BKI7PRB24ZZ6RRGYM6HHDRIIZHNZB5CJVU37RITXK7PV",
    ];

    fn host(number: usize) -> HostId {
        HOSTS[number - 1].parse().expect("a server key")
    }

    struct World {
        sites: Sites,
        now: Instant,
    }

    impl World {
        fn look(&mut self, after: Duration, in_sight: &[&str], missing: &[usize]) -> usize {
            self.now += after;
            let leaf: SiteName = "leaf".parse().expect("a site");
            let in_sight = in_sight.iter().map(|site| site.parse().expect("a site")).collect();
            let missing: Vec<_> = missing.iter().map(|number| (host(*number), leaf.clone())).collect();
            self.sites.away(&in_sight, &missing, self.now).len()
        }
    }

    #[test]
    fn hosts_of_a_site_that_is_cut_are_away_however_long_and_however_they_come_back() {
        let mut world = World {
            sites: Sites::default(),
            now: Instant::now(),
        };
        let second = Duration::from_secs(1);
        assert_eq!(
            world.look(second, &["leaf"], &[1]),
            1,
            "the other may be lost in a moment"
        );
        assert_eq!(world.look(second, &[], &[1, 2]), 2);
        assert_eq!(world.look(second * 86_400, &[], &[1, 2]), 2);
        assert_eq!(world.look(second, &["leaf"], &[2]), 1, "the other may come in a moment");
        assert!(world.sites.look_again.is_some());
        assert_eq!(world.look(second, &["leaf"], &[]), 0);
    }

    #[test]
    fn a_host_that_fails_at_a_site_in_sight_is_away_only_until_that_is_certain() {
        let mut world = World {
            sites: Sites::default(),
            now: Instant::now(),
        };
        let second = Duration::from_secs(1);
        assert_eq!(world.look(second, &["leaf"], &[1]), 1);
        assert_eq!(world.look(SETTLES, &["leaf"], &[1]), 0);
        assert_eq!(world.sites.look_again, None);
        world.look(second, &[], &[1, 2]);
        assert_eq!(
            world.look(second, &["leaf"], &[1]),
            1,
            "what failed before the cut may be back"
        );
        assert_eq!(world.look(SETTLES, &["leaf"], &[1]), 0);
    }
}
