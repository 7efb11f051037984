//! Links in force, and what members think of each. Pure.

use std::collections::BTreeMap;

use lattice_control::{LinkStatus, LinksReply};
use lattice_core::LinkId;

use super::{LinkView, said::Said, traffic::Traffic};

/// Puts together what all members say of links: those that any of them holds, by id.
pub(super) fn links(said: &[&Said], traffic: &Traffic) -> Vec<LinkView> {
    let mut held: BTreeMap<&LinkId, Vec<(&str, &LinkStatus)>> = BTreeMap::new();
    let mut refused: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (name, links) in told(said) {
        for link in &links.active {
            held.entry(&link.id).or_default().push((name, link));
        }
        for one in &links.refused {
            if let Some(claimed) = &one.claimed {
                let refusal = (name.to_owned(), one.message.clone());
                refused.entry(claimed).or_default().push(refusal);
            }
        }
    }
    let view = |(id, held): (&LinkId, Vec<(&str, &LinkStatus)>)| {
        let newest = held.iter().map(|(_, link)| *link).max_by_key(|link| link.generation)?;
        let holders = || held.iter().filter(|(_, link)| link.generation == newest.generation);
        let problem = |(name, link): &(&str, &LinkStatus)| Some(format!("{name}: {}", link.problem.as_ref()?));
        Some(LinkView {
            id: id.clone(),
            generation: newest.generation,
            source: newest.source.clone(),
            target: newest.target.clone(),
            interface: newest.interface.to_string(),
            label: newest.label.to_string(),
            issuer: newest.issuer.to_string(),
            expires_at: newest.expires_at.get(),
            verified_by: holders().map(|(name, _)| (*name).to_owned()).collect(),
            refused_by: refused.remove(id.to_string().as_str()).unwrap_or_default(),
            problem: holders().find_map(problem),
            traffic: traffic.over(id),
        })
    };
    held.into_iter().filter_map(view).collect()
}

fn told<'a>(said: &[&'a Said]) -> impl Iterator<Item = (&'a str, &'a LinksReply)> {
    said.iter().filter_map(|said| Some((said.name(), said.links.as_ref()?)))
}
