//! Links: those of every revision in force, and no others of theirs.

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

/// What people changed by hand since: links whose generation has grown beyond that of the revision.
pub(crate) fn superseded<'a>(app: &'a KnownApp, observed: &'a Observed) -> impl Iterator<Item = String> + 'a {
    app.links.iter().filter_map(|link| {
        let seen = *observed.links.get(&link.id)?;
        let told = || {
            format!(
                "{} was changed by hand since (generation {seen}, the application has {})",
                link.id, link.generation
            )
        };
        (seen > link.generation).then(told)
    })
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
        .is_some_and(|seen| *seen >= link.generation)
}
