//! The lattice as this host sees it.

use std::{collections::BTreeSet, time::Instant};

use lattice_control::reconcile::{Desired, Observed, ObservedHost, ObservedLink};
use lattice_core::{HostId, SiteName};
use lattice_mesh::{KnownMember, Member};

use crate::sites::Sites;

/// Looks at every host and at the links that anybody asks for.
pub(crate) fn observe(member: &Member, desired: &Desired, sites: &mut Sites, now: Instant) -> Observed {
    let (here, missing) = (member.directory().hosts(), member.directory().away());
    let observed = |known: &KnownMember| {
        let id = known.id().as_host()?;
        Some((id, ObservedHost::of(&known.presence, known.labels.clone())))
    };
    let in_sight: BTreeSet<SiteName> = here.iter().filter_map(|known| known.site().cloned()).collect();
    let of_sites: Vec<(HostId, SiteName)> = missing
        .iter()
        .filter_map(|known| Some((known.id().as_host()?, known.site()?.clone())))
        .collect();
    let away = sites.away(&in_sight, &of_sites, now);
    let away = missing
        .iter()
        .filter_map(|known| observed(known))
        .filter(|(id, _)| away.contains(id))
        .map(|(id, host)| (id, host.away()));
    // Whoever is back in sight while we look is here.
    let hosts = away.chain(here.iter().filter_map(|known| observed(known))).collect();
    let links = member.links();
    let current = links.current();
    let seen = desired.links().filter_map(|id| {
        let link = ObservedLink {
            generation: links.generation(id)?,
            active: current.get(id).is_some(),
        };
        Some((id.clone(), link))
    });
    Observed {
        hosts,
        links: seen.collect(),
    }
}
