//! The lattice as this host sees it.

use lattice_control::reconcile::{Desired, Observed, ObservedHost};
use lattice_mesh::Member;

/// Looks at every host and at the links that anybody asks for.
pub(crate) fn observe(member: &Member, desired: &Desired) -> Observed {
    let hosts = member.directory().hosts().into_iter().filter_map(|known| {
        let id = known.id().as_host()?;
        Some((id, ObservedHost::of(&known.presence, known.labels.clone())))
    });
    let links = member.links();
    let seen = desired
        .links()
        .filter_map(|id| Some((id.clone(), links.generation(id)?)));
    Observed {
        hosts: hosts.collect(),
        links: seen.collect(),
    }
}
