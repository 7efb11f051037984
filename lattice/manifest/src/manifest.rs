//! What a source declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use lattice_core::application::DesiredActor;
use lattice_core::{ActorName, AppName, Application, Digest, ProviderName};

use crate::image::Image;
use crate::mistake::{Mistake, Severity};
use crate::source::{SourceText, Span};

/// One application as it is declared: all that can be known of it without its components.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub(crate) application: Application,
    images: BTreeMap<ActorName, Image>,
    pub(crate) places: Places,
    text: Arc<SourceText>,
    warnings: Vec<Mistake>,
}

/// A part of a manifest, to point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: the name of the application.
    Application,
    /// The name of an actor.
    Actor(ActorName),
    /// The image of an actor.
    Image(ActorName),
    /// What is said of an actor's state, or its name if nothing is.
    State(ActorName),
    /// The name of a provider.
    Provider(ProviderName),
    /// A link, by its place in [`Application::links`].
    Link(usize),
}

/// An actor whose digest was not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the digest of actor `{0}` is not known")]
pub struct MissingDigest(pub ActorName);

impl Manifest {
    pub(crate) fn new(
        application: Application,
        images: BTreeMap<ActorName, Image>,
        places: Places,
        text: Arc<SourceText>,
    ) -> Self {
        Self {
            application,
            images,
            places,
            text,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn with_warnings(self, warnings: Vec<Mistake>) -> Self {
        Self { warnings, ..self }
    }

    /// The application's name.
    pub fn name(&self) -> &AppName {
        &self.application.name
    }

    /// Where the component of each actor comes from.
    pub fn images(&self) -> impl Iterator<Item = (&ActorName, &Image)> {
        self.images.iter()
    }

    /// What surprises in it, and does not stop it.
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// What it means, once each actor's component is known by its digest.
    ///
    /// # Errors
    ///
    /// An actor that `digests` does not have.
    pub fn to_application(&self, digests: &BTreeMap<ActorName, Digest>) -> Result<Application, MissingDigest> {
        let mut application = self.application.clone();
        for DesiredActor { spec, .. } in &mut application.actors {
            let digest = digests.get(&spec.name);
            spec.digest = *digest.ok_or_else(|| MissingDigest(spec.name.clone()))?;
        }
        Ok(application)
    }

    /// Says that something about a part of it is wrong. A part that it does not have stands where the name of the application does.
    pub fn mistake(&self, part: &Part, message: impl Into<String>, help: Option<String>) -> Mistake {
        self.remark(Severity::Error, part, message.into(), help)
    }

    pub(crate) fn remark(&self, severity: Severity, part: &Part, message: String, help: Option<String>) -> Mistake {
        let places = &self.places;
        let actor = |name: &ActorName| places.actors.get(name);
        let span = match part {
            Part::Application => None,
            Part::Actor(name) => actor(name).map(|place| place.name),
            Part::Image(name) => actor(name).map(|place| place.image),
            Part::State(name) => actor(name).map(|place| place.state.unwrap_or(place.name)),
            Part::Provider(name) => places.providers.get(name).copied(),
            Part::Link(index) => places.links.get(*index).copied(),
        };
        Mistake::new(severity, &self.text, span.unwrap_or(places.name), message, help)
    }
}

/// Where the parts of a manifest stand.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    name: Span,
    pub(crate) actors: BTreeMap<ActorName, ActorPlace>,
    pub(crate) providers: BTreeMap<ProviderName, Span>,
    /// In the order of the application's links, as are the next.
    pub(crate) links: Vec<Span>,
    pub(crate) interfaces: Vec<Span>,
}

/// Where an actor stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActorPlace {
    pub(crate) name: Span,
    pub(crate) image: Span,
    pub(crate) state: Option<Span>,
}

impl ActorPlace {
    /// An actor of which only the name is known to stand anywhere.
    pub(crate) fn new(name: Span) -> Self {
        Self {
            name,
            image: name,
            state: None,
        }
    }
}

impl Places {
    pub(crate) fn new(name: Span) -> Self {
        Self {
            name,
            actors: BTreeMap::new(),
            providers: BTreeMap::new(),
            links: Vec::new(),
            interfaces: Vec::new(),
        }
    }

    pub(crate) fn add_actor(&mut self, actor: ActorName, place: ActorPlace) {
        self.actors.insert(actor, place);
    }

    /// Where the part stands that the core calls `at`.
    pub(crate) fn find(&self, at: &str, application: &Application) -> Span {
        let actor = || {
            let name: ActorName = at.strip_prefix("actor ")?.parse().ok()?;
            Some(self.actors.get(&name)?.name)
        };
        let provider = || {
            let name: ProviderName = at.strip_prefix("provider ")?.parse().ok()?;
            self.providers.get(&name).copied()
        };
        let link = || {
            let mut links = application.links.iter().zip(&self.links);
            let is_meant =
                |claims: &lattice_core::LinkClaims| at == format!("link {} -> {}", claims.source, claims.target);
            links.find(|(link, _)| is_meant(&link.claims)).map(|(_, span)| *span)
        };
        actor().or_else(provider).or_else(link).unwrap_or(self.name)
    }
}
