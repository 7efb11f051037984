//! What is there, as the controller sees it.

use std::collections::BTreeMap;

use lattice_core::{
    ActorName, AppName, Fingerprint, HostId, Labels, LinkId, ProviderName,
    presence::{MemberState, Presence, Scheduling},
};

/// Everything the controller sees.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The hosts that are there.
    pub hosts: BTreeMap<HostId, ObservedHost>,
    /// What is seen of each link that anybody asks for.
    pub links: BTreeMap<LinkId, ObservedLink>,
}

/// A link, as a member sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedLink {
    /// The highest generation seen, in force or ended.
    pub generation: u64,
    /// Whether it is in force.
    pub active: bool,
}

/// A host, and what it runs.
#[derive(Clone, Debug)]
pub struct ObservedHost {
    /// What people call it.
    pub name: String,
    /// Its labels as they count for placement.
    pub labels: Labels,
    /// Whether it is out of sight together with its site: what it ran goes on there, as far as anybody can tell, and hears nothing.
    pub away: bool,
    /// Whether it takes commands.
    pub state: MemberState,
    /// Whether more may be placed on it.
    pub scheduling: Scheduling,
    /// The most replicas that may be placed on it.
    pub replicas_max: Option<u32>,
    /// Its actors. One that drains is there with no replicas.
    pub actors: BTreeMap<ActorName, ObservedActor>,
    /// Its providers.
    pub providers: BTreeMap<ProviderName, ObservedProvider>,
}

/// An actor on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedActor {
    /// What the host was asked to run. None from a host too old to say.
    pub fingerprint: Option<Fingerprint>,
    /// Whose it is.
    pub app: Option<AppName>,
    /// How many.
    pub replicas: u32,
}

/// A provider on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedProvider {
    /// What the host was asked to run.
    pub fingerprint: Option<Fingerprint>,
    /// Whether applications decide about it.
    pub managed: bool,
}

impl ObservedHost {
    /// A host as its heartbeat describes it, with the labels that its token lets it have.
    pub fn of(presence: &Presence, labels: Labels) -> Self {
        let actors = presence.actors.iter().map(|actor| {
            let seen = ObservedActor {
                fingerprint: actor.fingerprint,
                app: actor.app.clone(),
                replicas: actor.replicas,
            };
            (actor.name.clone(), seen)
        });
        let providers = presence.providers.iter().map(|provider| {
            let seen = ObservedProvider {
                fingerprint: provider.fingerprint,
                managed: provider.managed,
            };
            (provider.name.clone(), seen)
        });
        Self {
            name: presence.name.clone(),
            labels,
            away: false,
            state: presence.state,
            scheduling: presence.scheduling,
            replicas_max: presence.replicas_max,
            actors: actors.collect(),
            providers: providers.collect(),
        }
    }

    /// The same host, out of sight together with its site.
    #[must_use]
    pub fn away(self) -> Self {
        Self { away: true, ..self }
    }

    /// Whether it takes commands. One that stops looks after what it has by itself; one that is away hears none.
    pub(crate) fn takes_commands(&self) -> bool {
        self.state == MemberState::Ready && !self.away
    }

    /// Whether what it runs counts as being there: always while it is in sight.
    pub(crate) fn counts(&self, stays: bool) -> bool {
        stays || !self.away
    }

    /// Whether it has a place for something that `stays` at a site out of sight, or does not.
    pub(crate) fn has_place(&self, stays: bool) -> bool {
        self.keeps() || (self.away && stays)
    }

    /// Whether what it runs may stay.
    pub(crate) fn keeps(&self) -> bool {
        self.takes_commands() && self.scheduling != Scheduling::Evacuating
    }

    /// How many replicas it runs, over all actors.
    pub(crate) fn replicas(&self) -> u32 {
        self.actors.values().map(|actor| actor.replicas).sum()
    }
}
