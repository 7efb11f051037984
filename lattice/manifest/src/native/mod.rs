//! Our own form: `apiVersion: lattice.dev/v1`.

mod actor;
mod form;
mod key;
mod link;
mod placement;
mod provider;
mod route;
mod state;

use std::collections::BTreeSet;

use lattice_core::{ActorName, AppName, ProviderName};

pub(crate) use self::form::ApplicationForm;
use crate::draft::Draft;
use crate::manifest::Manifest;
use crate::read::{Read, Reader};
use crate::source::Options;
use crate::tree::Node;

/// The value of `apiVersion` in this form.
pub(crate) const API_VERSION: &str = "lattice.dev/v1";

/// Reads a document of this form.
pub(crate) fn read(document: &Node, options: &Options, reader: &mut Reader) -> Option<Manifest> {
    let form = ApplicationForm::read(document, reader)?;
    let metadata = form.metadata.get();
    let spec = form.spec.get()?;
    let named = metadata.and_then(|metadata| metadata.name.0.clone());
    let is_named = named.is_some();
    let name = named.unwrap_or_else(|| Draft::no_name(document.span));
    let mut draft = Draft::new(&name);
    if let Some(metadata) = metadata {
        let version = metadata.version.as_ref().map(|at| at.value.0.clone());
        draft.describe(version, metadata.description.as_ref().map(|at| at.value.clone()));
    }

    let declared = Declared::of(name.value.clone(), spec);
    for actor in spec.actors.iter().flat_map(|at| &at.value) {
        actor::add(&actor.value, &declared, options, &mut draft, reader);
    }
    for provider in spec.providers.iter().flat_map(|at| &at.value) {
        provider::add(&provider.value, &mut draft, reader);
    }
    for link in spec.links.iter().flat_map(|at| &at.value) {
        link::add(link, &declared, &mut draft, reader);
    }
    for route in spec.routes.iter().flat_map(|at| &at.value) {
        route::add(route, &declared, &mut draft, reader);
    }
    let manifest = draft.finish(reader);
    is_named.then_some(manifest)
}

/// The names that a document declares, also those of parts that are wrong otherwise.
pub(crate) struct Declared {
    pub(crate) app: AppName,
    pub(crate) actors: BTreeSet<ActorName>,
    pub(crate) providers: BTreeSet<ProviderName>,
}

impl Declared {
    fn of(app: AppName, spec: &form::SpecForm) -> Self {
        let actors = spec.actors.iter().flat_map(|at| &at.value);
        let providers = spec.providers.iter().flat_map(|at| &at.value);
        Self {
            app,
            actors: actors.filter_map(|actor| actor.value.name.get().cloned()).collect(),
            providers: providers
                .filter_map(|provider| provider.value.name.get().cloned())
                .collect(),
        }
    }
}
