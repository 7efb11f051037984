//! The lattice as this host sees it.

use lattice_control::reconcile::{Desired, Observed, ObservedHost, ObservedLink};
use lattice_mesh::Member;

/// Looks at every host and at the links that anybody asks for.
pub(crate) fn observe(member: &Member, desired: &Desired) -> Observed {
    let hosts = member.directory().hosts().into_iter().filter_map(|known| {
        let id = known.id().as_host()?;
        Some((id, ObservedHost::of(&known.presence, known.labels.clone())))
    });
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
        hosts: hosts.collect(),
        links: seen.collect(),
    }
}
