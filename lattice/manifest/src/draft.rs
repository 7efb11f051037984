//! An application in the making: what both forms have in common once they are read.

use std::collections::BTreeMap;

use lattice_core::application::{DesiredActor, DesiredLink, DesiredProvider, check};
use lattice_core::{
    ActorName, AppName, Application, Digest, InterfacePattern, LatticeId, LinkClaims, LinkLabel, Party, ProviderKind,
    ProviderName,
};

use crate::image::Image;
use crate::interfaces::{Oddity, oddity};
use crate::kinds::{capability, covers_any};
use crate::manifest::{ActorPlace, Manifest, Places};
use crate::mistake::{Mistake, Severity};
use crate::read::{At, Reader};
use crate::source::Span;

/// An application and where its parts stand. Of two parts with one name, the first is kept and the other told.
pub(crate) struct Draft {
    application: Application,
    images: BTreeMap<ActorName, Image>,
    places: Places,
    links: BTreeMap<(Party, InterfacePattern, LinkLabel), Span>,
}

impl Draft {
    pub(crate) fn new(name: &At<AppName>) -> Self {
        Self {
            application: Application::empty(name.value.clone()),
            images: BTreeMap::new(),
            places: Places::new(name.span),
            links: BTreeMap::new(),
        }
    }

    pub(crate) fn describe(&mut self, version: Option<String>, description: Option<String>) {
        self.application.version = version;
        self.application.description = description;
    }

    /// The name that stands in a draft for one that is wrong. Such a draft is only there to find what else is.
    pub(crate) fn no_name(span: Span) -> At<AppName> {
        let value = "unnamed".parse().expect("seven letters are a name");
        At { value, span }
    }

    /// The digest that stands in a draft for one that is not known yet.
    pub(crate) fn no_digest() -> Digest {
        Digest::of(b"")
    }

    /// Adds an actor that stands at `place`, and its image, where that could be read, at its own.
    pub(crate) fn add_actor(
        &mut self,
        place: ActorPlace,
        actor: DesiredActor,
        image: Option<At<Image>>,
        reader: &mut Reader,
    ) {
        let name = actor.spec.name.clone();
        if let Some(first) = self.places.actors.get(&name) {
            return tell_twice(&format!("actor `{name}`"), first.name, place.name, reader);
        }
        let image_span = image.as_ref().map_or(place.name, |image| image.span);
        self.places.add_actor(
            name.clone(),
            ActorPlace {
                image: image_span,
                ..place
            },
        );
        if let Some(image) = image {
            self.images.insert(name, image.value);
        }
        let app = Some(self.application.name.clone());
        let spec = lattice_core::ActorSpec { app, ..actor.spec };
        self.application.actors.push(DesiredActor { spec, ..actor });
    }

    /// Adds a provider whose name stands at `span`.
    pub(crate) fn add_provider(&mut self, span: Span, mut provider: DesiredProvider, reader: &mut Reader) {
        let name = provider.spec.name.clone();
        if let Some(first) = self.places.providers.get(&name) {
            return tell_twice(&format!("provider `{name}`"), *first, span, reader);
        }
        self.places.providers.insert(name, span);
        provider.spec.managed = true;
        provider.placement.per_host_max = Some(1);
        self.application.providers.push(provider);
    }

    /// Adds a link that stands at `span`, and its interface at its own.
    pub(crate) fn add_link(
        &mut self,
        span: Span,
        interface: Span,
        claims: LinkClaims,
        config: BTreeMap<String, String>,
        reader: &mut Reader,
    ) {
        tell_oddity(&claims.interface, interface, reader);
        let key = (claims.source.clone(), claims.interface.clone(), claims.label.clone());
        if let Some(first) = self.links.get(&key) {
            let line = reader.text().position(first.start).0;
            let LinkClaims { source, label, .. } = &claims;
            return reader.error_with(
                span,
                format!(
                    "{source} already has a link for {} under the label `{label}`",
                    claims.interface
                ),
                format!("the first is on line {line}; give one of them another label"),
            );
        }
        self.links.insert(key, span);
        self.places.links.push(span);
        self.places.interfaces.push(interface);
        self.application.links.push(DesiredLink::new(claims, config));
    }

    /// Checks the whole, and makes a manifest of it. What is wrong is told; the manifest counts only if nothing is.
    pub(crate) fn finish(self, reader: &mut Reader) -> Manifest {
        for (link, span) in self.application.links.iter().zip(&self.places.interfaces) {
            // A misspelt interface has been told, and nobody serves it.
            if matches!(oddity(&link.claims.interface), Some(Oddity::Misspelt { .. })) {
                continue;
            }
            tell_unserved(&link.claims, *span, &self.application, reader);
        }
        let lattice: LatticeId = "any".parse().expect("three letters are a lattice id");
        for flaw in check(&self.application, &lattice) {
            let span = self.places.find(&flaw.at, &self.application);
            reader.error(span, format!("{}: {}", flaw.at, flaw.what));
        }
        Manifest::new(self.application, self.images, self.places, reader.text())
    }

    pub(crate) fn provider_kind(&self, name: &ProviderName) -> Option<&ProviderKind> {
        self.application.provider(name).map(|provider| &provider.spec.kind)
    }
}

fn tell_twice(what: &str, first: Span, second: Span, reader: &mut Reader) {
    let line = reader.text().position(first.start).0;
    reader.error_with(
        second,
        format!("{what} is declared twice"),
        format!("the first is on line {line}"),
    );
}

fn tell_oddity(interface: &InterfacePattern, span: Span, reader: &mut Reader) {
    match oddity(interface) {
        None => {}
        Some(Oddity::Misspelt { help }) => {
            reader.error_with(span, format!("there is no interface `{interface}`"), help);
        }
        Some(Oddity::Unknown { help }) => {
            reader.warn_with(span, format!("`{interface}` is not an interface that we know"), help);
        }
        Some(Oddity::Unlinked { help }) => {
            reader.warn_with(span, format!("`{interface}` needs no link: every host serves it"), help);
        }
    }
}

/// Tells a link that its provider, as far as this application declares it, has nothing to do with.
fn tell_unserved(claims: &LinkClaims, span: Span, application: &Application, reader: &mut Reader) {
    let kind_of = |party: &Party| {
        let provider = application.provider(party.as_provider()?)?;
        let kind = provider.spec.kind.as_str();
        Some((kind, capability(kind)?))
    };
    let interface = &claims.interface;
    let wrong = |kind: &str, does: &str, interfaces: &[&str]| {
        let help = match interfaces {
            [] => format!("`{kind}` {does} nothing"),
            some => format!("`{kind}` {does} {}", some.join(", ")),
        };
        (format!("`{kind}` has nothing to do with {interface} here"), help)
    };
    let reversed = |kind: &str| {
        let help = format!("`{kind}` calls actors for it: the link goes from the provider to the actor");
        (format!("`{kind}` does not serve {interface}"), help)
    };
    let told = match (kind_of(&claims.source), kind_of(&claims.target)) {
        (_, Some((_, capability))) if covers_any(interface, capability.serves) => return,
        (_, Some((kind, capability))) if covers_any(interface, capability.drives) => reversed(kind),
        (_, Some((kind, capability))) => wrong(kind, "serves", capability.serves),
        (Some((kind, capability)), None) if !covers_any(interface, capability.drives) => {
            wrong(kind, "calls actors for", capability.drives)
        }
        _ => return,
    };
    reader.error_with(span, told.0, told.1);
}

/// Only the warnings of a source that has no errors.
pub(crate) fn warnings(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes
        .into_iter()
        .filter(|mistake| mistake.severity == Severity::Warning)
        .collect()
}
