//! Links: those of every revision in force, and no others of theirs.

use std::cmp::Ordering;

use super::{Action, KnownApp, KnownLink, Memory, Observed, Target};

/// Puts in force what is not.
pub(crate) fn put(app: &KnownApp, observed: &Observed, memory: &Memory, now: std::time::Instant) -> Vec<Action> {
    missing(&app.links, observed, memory, now)
}

/// Ends what the application does not have any more.
pub(crate) fn end(app: &KnownApp, observed: &Observed, memory: &Memory, now: std::time::Instant) -> Vec<Action> {
    missing(&app.unlinks, observed, memory, now)
}

/// Whether every link is in force, or has been superseded by hand.
pub(crate) fn in_force(links: &[KnownLink], observed: &Observed) -> usize {
    links.iter().filter(|link| is_seen(link, observed)).count()
}

/// What is wrong with the links of an application: refused, ended or changed by hand since.
pub(crate) fn problems<'a>(app: &'a KnownApp, observed: &'a Observed, memory: &'a Memory) -> Vec<String> {
    let wrong = |link: &KnownLink| {
        let (id, ours) = (&link.id, link.generation);
        if let Some(failed) = memory.failure(&Target::Link(id.clone()), None) {
            return Some(format!("{id} is not in force: {}", failed.error));
        }
        let seen = observed.links.get(id)?;
        match (seen.generation.cmp(&ours), seen.active) {
            (Ordering::Greater, _) => Some(format!(
                "{id} was changed by hand since (generation {}, the application has {ours}): apply it again",
                seen.generation
            )),
            (Ordering::Equal, false) => Some(format!(
                "{id} has expired, or its issuer is not trusted any more: apply the application again"
            )),
            _ => None,
        }
    };
    app.links.iter().filter_map(wrong).collect()
}

fn missing(links: &[KnownLink], observed: &Observed, memory: &Memory, now: std::time::Instant) -> Vec<Action> {
    let is_free = |link: &&KnownLink| memory.is_free(&Target::Link(link.id.clone()), None, now);
    links
        .iter()
        .filter(|link| !is_seen(link, observed))
        .filter(is_free)
        .map(|link| Action::PutLink {
            id: link.id.clone(),
            generation: link.generation,
            token: link.token.clone(),
        })
        .collect()
}

fn is_seen(link: &KnownLink, observed: &Observed) -> bool {
    observed
        .links
        .get(&link.id)
        .is_some_and(|seen| seen.generation >= link.generation)
}
