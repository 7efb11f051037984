//! This host's view of the links.

use std::time::Duration;

use lattice_control::{LinkStatus, Links, LinksReply, RefusedLink};
use lattice_core::{ActiveLink, LinkId, Party};

use crate::providers::Providers;
use crate::shared::Shared;

/// How long an asker after one link waits for the provider here to take it up or refuse it. Taking one up is quick, unless what is
/// behind it is far away; then the answer says that it is still being tried.
const DECISION: Duration = Duration::from_secs(2);

/// Answers what this host makes of the links, or of one.
pub(super) async fn view(shared: &Shared, request: &Links) -> LinksReply {
    let links = shared.member.links();
    if !request.marks_of.is_empty() {
        return marks(links, request);
    }
    if let Some(link) = request.link.as_ref().and_then(|id| links.current().get(id).cloned()) {
        // "Accepted" means that it works, so a provider that has just been told is heard first.
        let _ = tokio::time::timeout(DECISION, shared.providers.decided(&link)).await;
    }
    let wanted = |id: &LinkId| request.link.as_ref().is_none_or(|link| link == id);
    let current = links.current();
    let active = current
        .all()
        .filter(|link| wanted(&link.id))
        .map(|link| LinkStatus::of(link, problem(link, &shared.providers)))
        .collect();
    let key = request.link.as_ref().map(LinkId::link_key);
    let refusals = links.refusals();
    let refused = refusals
        .iter()
        .filter(|(at, _)| key.as_ref().is_none_or(|key| key == at));
    LinksReply {
        active,
        refused: refused.map(|(key, rejected)| RefusedLink::of(key, rejected)).collect(),
        high_water: request.link.as_ref().and_then(|link| links.generation(link)),
        marks: Vec::new(),
        trust_serial: shared.member.trust().current().serial().unwrap_or_default(),
    }
}

fn marks(links: &lattice_mesh::Links, request: &Links) -> LinksReply {
    let mark = |id: &LinkId| Some((id.clone(), links.generation(id)?));
    LinksReply {
        marks: request.marks_of.iter().filter_map(mark).collect(),
        ..LinksReply::default()
    }
}

/// What the providers on this host that the link names say against it.
fn problem(link: &ActiveLink, providers: &Providers) -> Option<String> {
    [&link.source, &link.target]
        .into_iter()
        .filter_map(Party::as_provider)
        .find_map(|name| {
            let provider = providers.get(name)?;
            provider
                .standing()
                .problem(&link.id)
                .map(|problem| format!("provider `{name}`: {problem}"))
        })
}
