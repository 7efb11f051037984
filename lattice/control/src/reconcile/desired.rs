//! What people want, over all applications.

use std::{collections::BTreeMap, sync::Arc};

use lattice_core::{
    ActorName, AppName, Fingerprint, LinkClaims, LinkId, Party, ProviderName, UnixSeconds, UnlinkClaims,
    application::{Application, DesiredActor, DesiredProvider, Revision, VerifiedRevision},
    token::Unverified,
};

use super::action::{Action, Target};

/// Everything that people want.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Their applications, deleted ones included: what is left of those has to go.
    pub apps: BTreeMap<AppName, Arc<KnownApp>>,
}

/// An application, taken apart once.
#[derive(Clone, Debug)]
pub struct KnownApp {
    /// Its revision.
    pub revision: Revision,
    /// When that was stored.
    pub stored_at: UnixSeconds,
    /// Its links.
    pub links: Vec<KnownLink>,
    /// The ends of links that it does not have any more.
    pub unlinks: Vec<KnownLink>,
    pub(crate) actors: BTreeMap<ActorName, (Fingerprint, DesiredActor)>,
    pub(crate) providers: BTreeMap<ProviderName, (Fingerprint, DesiredProvider)>,
}

/// A link's token and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLink {
    /// Which.
    pub id: LinkId,
    /// In which generation.
    pub generation: u64,
    /// The token.
    pub token: Arc<str>,
}

impl Desired {
    /// Which application an action is done for; none for what is left of one that does not mention it any more.
    pub fn app_of(&self, action: &Action) -> Option<&AppName> {
        let by_party = |party: &Party| match party {
            Party::Actor(name) => self.find(|app| app.actors.contains_key(name)),
            Party::Provider(name) => self.find(|app| app.providers.contains_key(name)),
        };
        match action.target() {
            Target::App(name) => self.find(|app| *app.name() == name),
            Target::Link(id) => self.find(|app| app.links.iter().chain(&app.unlinks).any(|link| link.id == id)),
            Target::OnHost(_, party) => by_party(&party),
        }
    }

    fn find(&self, which: impl Fn(&KnownApp) -> bool) -> Option<&AppName> {
        let mut apps = self.apps.iter();
        apps.find(|(_, app)| which(app)).map(|(name, _)| name)
    }
}

impl KnownApp {
    /// Takes a revision apart.
    pub fn new(verified: VerifiedRevision, stored_at: UnixSeconds) -> Self {
        let VerifiedRevision { revision, .. } = verified;
        // A token that cannot be read is left out: every member would refuse it.
        let known = |tokens: &[String]| tokens.iter().filter_map(|token| KnownLink::read(token)).collect();
        let Application { actors, providers, .. } = &revision.application;
        Self {
            links: known(&revision.links),
            unlinks: known(&revision.unlinks),
            actors: actors
                .iter()
                .map(|actor| (actor.spec.name.clone(), (actor.spec.fingerprint(), actor.clone())))
                .collect(),
            providers: providers
                .iter()
                .map(|provider| {
                    (
                        provider.spec.name.clone(),
                        (provider.spec.fingerprint(), provider.clone()),
                    )
                })
                .collect(),
            revision,
            stored_at,
        }
    }

    /// Its name.
    pub fn name(&self) -> &AppName {
        &self.revision.application.name
    }
}

impl KnownLink {
    /// What a token is about, by its own word.
    pub fn read(token: &str) -> Option<Self> {
        let unverified = Unverified::parse(token).ok()?;
        let link = unverified.claims::<LinkClaims>().map(|claims| claims.body.generation);
        let generation = link
            .or_else(|_| unverified.claims::<UnlinkClaims>().map(|claims| claims.body.generation))
            .ok()?;
        Some(Self {
            id: unverified.head().subject.parse().ok()?,
            generation,
            token: token.into(),
        })
    }
}

impl Desired {
    /// The links that anybody wants or wants ended.
    pub fn links(&self) -> impl Iterator<Item = &LinkId> {
        self.apps
            .values()
            .flat_map(|app| app.links.iter().chain(&app.unlinks))
            .map(|link| &link.id)
    }

    /// Whose an actor is: the application that declares it, the first by name if several do.
    pub(crate) fn owner_of_actor(&self, actor: &ActorName) -> Option<&AppName> {
        let owner = self.apps.values().find(|app| app.actors.contains_key(actor));
        owner.map(|app| app.name())
    }

    /// The provider that applications want under that name, and the application whose word counts when they differ.
    pub(crate) fn provider(&self, name: &ProviderName) -> Option<(&AppName, &Fingerprint, &DesiredProvider)> {
        self.apps.values().find_map(|app| {
            let (fingerprint, provider) = app.providers.get(name)?;
            Some((app.name(), fingerprint, provider))
        })
    }
}
