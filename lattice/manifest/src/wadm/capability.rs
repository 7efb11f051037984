//! Capabilities: the providers among the components.

use std::collections::BTreeMap;

use lattice_core::application::DesiredProvider;
use lattice_core::provider::BUILT_IN_KINDS;
use lattice_core::{Party, ProviderName, ProviderSpec};

use super::component::Component;
use super::config::Configs;
use super::keys::{self, ProviderSettings};
use super::scaler;
use crate::draft::Draft;
use crate::image::Reference;
use crate::nearest::did_you_mean;
use crate::read::{At, Reader};
use crate::source::Span;

/// Images of providers that hosts carry in themselves.
const BUILT_IN: &str = "wasmcloud+builtin://";

/// The kind of provider of ours that stands for an image: the one of the same name, from whatever registry and of whatever version.
pub(super) fn kind(image: &At<String>, reader: &mut Reader) -> Option<&'static str> {
    let text = image.value.as_str();
    let name = text
        .strip_prefix(BUILT_IN)
        .unwrap_or_else(|| Reference::parse(text).name);
    let is_file = text.starts_with("file://");
    let kind = BUILT_IN_KINDS.into_iter().find(|kind| *kind == name && !is_file);
    if kind.is_none() {
        let message = format!("no provider here stands for `{text}`");
        let help = match did_you_mean(name, BUILT_IN_KINDS) {
            Some(near) if !is_file => near,
            _ => format!("there are {}", BUILT_IN_KINDS.join(", ")),
        };
        reader.error_with(image.span, message, help);
    }
    kind
}

/// The providers that a manifest declares.
pub(super) struct Providers<'c>(BTreeMap<ProviderName, (&'c Component<'c>, &'static str, ProviderSettings)>);

impl Providers<'_> {
    /// What is said of a provider so far; none of one that is not declared here.
    pub(super) fn settings(&mut self, party: &Party) -> Option<&mut ProviderSettings> {
        let (_, _, settings) = self.0.get_mut(party.as_provider()?)?;
        Some(settings)
    }
}

/// Reads what each provider says of itself.
pub(super) fn read<'c>(components: &'c [Component<'c>], configs: &Configs<'_>, reader: &mut Reader) -> Providers<'c> {
    let mut providers = BTreeMap::new();
    for component in components.iter().filter(|component| !component.is_shared) {
        let (Party::Provider(name), Some(kind)) = (&component.party, component.kind) else {
            continue;
        };
        let settings = configs.merge(&[&component.properties.config], reader);
        let settings = keys::provider(kind, settings, reader);
        providers.insert(name.clone(), (component, kind, settings));
    }
    Providers(providers)
}

/// Adds the providers to the draft, once their links have said what they want of them.
pub(super) fn add(providers: Providers<'_>, draft: &mut Draft, reader: &mut Reader) {
    let mut providers: Vec<_> = providers.0.into_iter().collect();
    providers.sort_by_key(|(_, (component, _, _))| component.span);
    for (name, (component, kind, settings)) in providers {
        let span: Span = component.span;
        let Ok(provider_kind) = kind.parse() else {
            continue;
        };
        let spec = ProviderSpec {
            config: keys::finish(kind, settings, reader),
            ..ProviderSpec::new(name, provider_kind)
        };
        let placement = scaler::provider(component.scaler.as_ref(), reader);
        draft.add_provider(span, DesiredProvider { spec, placement }, reader);
    }
}
