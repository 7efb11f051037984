//! What an application is told about: its actors, its providers, its links.

use std::collections::BTreeSet;

use lattice_core::{ActorName, Application, LatticeId, Party};

/// Whom news must be about to be told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Concern {
    actors: BTreeSet<ActorName>,
    /// Parties and links, as events name them.
    subjects: BTreeSet<String>,
}

impl Concern {
    /// What an application consists of.
    pub(super) fn of(application: &Application, lattice: &LatticeId) -> Self {
        let actors: BTreeSet<ActorName> = application.actors.iter().map(|actor| actor.spec.name.clone()).collect();
        let providers = application.providers.iter().map(|provider| &provider.spec.name);
        let parties = actors.iter().cloned().map(Party::Actor);
        let parties = parties.chain(providers.cloned().map(Party::Provider));
        let links = application.links.iter().map(|link| link.id(lattice).to_string());
        Self {
            subjects: parties.map(|party| party.to_string()).chain(links).collect(),
            actors,
        }
    }

    /// Whether an event about this is.
    pub(super) fn covers(&self, subject: &str) -> bool {
        self.subjects.contains(subject)
    }

    /// Whether a line of a host's log names one of the actors, in one of the ways that hosts write.
    pub(super) fn is_named_in(&self, line: &str) -> bool {
        self.actors.iter().any(|actor| {
            [
                format!("actor={actor}"),
                format!("actor=\"{actor}\""),
                format!("\"actor\":\"{actor}\""),
                format!("actor/{actor}"),
                format!("`{actor}`"),
            ]
            .iter()
            .any(|way| has_word(line, way))
        })
    }
}

/// Whether `word` is in the line, and not as the beginning of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let next = line[at + word.len()..].chars().next();
        word.ends_with(['"', '`']) || !next.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    })
}

#[cfg(test)]
mod tests {
    use lattice_core::{ActorSpec, Digest, application::DesiredActor};

    use super::*;

    #[test]
    fn lines_about_others_are_not_told() {
        let mut application = Application::empty("dev-web".parse().expect("a name"));
        let spec = ActorSpec::new("web".parse().expect("a name"), Digest::of(b""), "");
        application.actors.push(DesiredActor {
            spec,
            placement: lattice_core::application::Placement::default(),
            update: lattice_core::application::UpdateStrategy::default(),
        });
        let concern = Concern::of(&application, &"default".parse().expect("an id"));
        assert!(concern.covers("actor/web") && !concern.covers("actor/web-api"));
        let check = |line: &str, expect: bool| assert_eq!(concern.is_named_in(line), expect, "{line}");
        check("INFO lattice::actor: hello actor=\"web\" context=\"\"", true);
        check("INFO actor started actor=web digest=1", true);
        check(r#"{"level":"INFO","fields":{"actor":"web"}}"#, true);
        check("WARN actor not started actor=web-api error=x", false);
        check("INFO provider `http` serves the web", false);
    }
}
