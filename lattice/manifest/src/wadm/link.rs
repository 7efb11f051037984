//! Links: the traits that say whom a component may call.

use lattice_core::{InterfacePattern, LinkClaims, LinkLabel, Party};

use super::capability::Providers;
use super::component::{Component, Components};
use super::config::{Configs, Settings};
use super::form::{ConfigForm, LinkForm, List};
use super::keys::{self, Config, Direction};
use super::secrets;
use crate::draft::Draft;
use crate::kinds::covers_any;
use crate::read::{At, Reader};
use crate::source::Span;

/// A link of one interface, read.
pub(super) struct Link {
    span: Span,
    interface: Span,
    claims: LinkClaims,
    config: Config,
}

impl Link {
    pub(super) fn add(self, draft: &mut Draft, reader: &mut Reader) {
        draft.add_link(self.span, self.interface, self.claims, self.config, reader);
    }
}

/// Every list of configs of a link, in the order in which they are put together.
pub(super) fn configs(form: &LinkForm) -> Vec<&List<ConfigForm>> {
    let source = form.source.as_ref().map(|at| &at.value.config);
    let target = form.target.get().map(|target| &target.0.config);
    let lists = [source, Some(&form.source_config), target, Some(&form.target_config)];
    lists.into_iter().flatten().collect()
}

/// Reads the links of all components. What they want of providers is told those.
pub(super) fn read(
    components: &Components<'_>,
    configs: &Configs<'_>,
    providers: &mut Providers<'_>,
    reader: &mut Reader,
) -> Vec<Link> {
    let mut links = Vec::new();
    for component in &components.list {
        for link in &component.links {
            links.extend(read_one(component, link, components, configs, providers, reader));
        }
    }
    // Only now is it known at how many addresses a server listens.
    for link in &mut links {
        let server = providers.settings(&link.claims.source).map(|settings| &settings.server);
        if server.is_some_and(|server| !server.has_several_addresses()) {
            link.config.remove("address");
        }
    }
    links
}

fn read_one(
    source: &Component<'_>,
    link: &At<LinkForm>,
    components: &Components<'_>,
    configs: &Configs<'_>,
    providers: &mut Providers<'_>,
    reader: &mut Reader,
) -> Vec<Link> {
    let form = &link.value;
    let settings = configs.merge(&self::configs(form), reader);
    let of_target = form.target.get().map(|target| &target.0);
    for end in form.source.as_ref().map(|at| &at.value).into_iter().chain(of_target) {
        secrets::refuse(&end.secrets, "a link", reader);
    }
    let label = form
        .name
        .as_ref()
        .map(|name| (name.value.0.parse::<LinkLabel>(), name.span));
    if let Some((Err(error), span)) = &label {
        reader.error(*span, error.to_string());
    }
    let interfaces = interfaces(form, reader);
    let target = of_target.and_then(|target| target.name.as_ref());
    let Some(target) = target.and_then(|name| components.find(name, reader)) else {
        return Vec::new();
    };
    let Some((first, _)) = interfaces.first() else {
        return Vec::new();
    };
    let config = translate(source, target, first, settings, link, providers, reader);
    // What a provider calls a link decides nothing, and the links of one server are often called nothing at all. After their target
    // they differ, whichever others there are.
    let label = match label {
        Some((label, _)) => label.unwrap_or_default(),
        None if source.is_actor() => LinkLabel::default(),
        None => target.party.name().parse().unwrap_or_default(),
    };
    let make = |(interface, span): (InterfacePattern, Span)| Link {
        span: link.span,
        interface: span,
        claims: LinkClaims {
            label: label.clone(),
            ..LinkClaims::new(source.party.clone(), interface, target.party.clone())
        },
        config: config.clone(),
    };
    interfaces.into_iter().map(make).collect()
}

/// The interfaces of a link, each as ours.
fn interfaces(form: &LinkForm, reader: &mut Reader) -> Vec<(InterfacePattern, Span)> {
    let (Some(namespace), Some(package), Some(interfaces)) =
        (form.namespace.get(), form.package.get(), &form.interfaces.0)
    else {
        return Vec::new();
    };
    if interfaces.value.is_empty() {
        reader.error(interfaces.span, "a link needs an interface at least");
    }
    let mut found = Vec::new();
    for At { value, span } in &interfaces.value {
        match format!("{namespace}:{package}/{value}").parse::<InterfacePattern>() {
            Ok(interface) => found.push((interface, *span)),
            Err(error) => reader.error(*span, error.to_string()),
        }
    }
    found
}

/// The settings of a link as its provider knows them. Between two actors they are what they are.
fn translate(
    source: &Component<'_>,
    target: &Component<'_>,
    interface: &InterfacePattern,
    settings: Settings,
    link: &At<LinkForm>,
    providers: &mut Providers<'_>,
    reader: &mut Reader,
) -> Config {
    let (provider, direction) = match (&source.party, &target.party) {
        (Party::Actor(_), Party::Actor(_)) => return settings.into_map(),
        (_, Party::Provider(_)) => (target, Direction::Serves),
        (Party::Provider(_), Party::Actor(_)) => (source, Direction::Drives),
    };
    let kind = if provider.is_shared {
        shared_kind(interface, direction, &settings)
    } else {
        provider.kind
    };
    let Some(kind) = kind else {
        return Config::new();
    };
    let settings_of = providers.settings(&provider.party);
    keys::link(kind, direction, settings, settings_of, link.span, reader)
}

/// What a provider of another application must be for this link to make sense.
fn shared_kind(interface: &InterfacePattern, direction: Direction, settings: &Settings) -> Option<&'static str> {
    // Two kinds serve key-value; only one of them is told a `url`.
    let is_redis = settings.clone().take("url").is_some();
    let fits = |kind: &&str| {
        let capability = crate::kinds::capability(kind);
        capability.is_some_and(|capability| match direction {
            Direction::Serves => covers_any(interface, capability.serves),
            Direction::Drives => covers_any(interface, capability.drives),
        })
    };
    let mut kinds = lattice_core::provider::BUILT_IN_KINDS.into_iter().filter(fits);
    let is_likely = |kind: &&str| (*kind == "keyvalue-redis") == is_redis;
    let first = kinds.next()?;
    Some(
        std::iter::once(first)
            .chain(kinds)
            .find(|kind| is_likely(kind))
            .unwrap_or(first),
    )
}
