//! Components: what they are called here, and the actors among them.

use std::collections::BTreeMap;

use lattice_core::application::{DesiredActor, UpdateStrategy};
use lattice_core::{ActorSpec, Party};

use super::config::Configs;
use super::form::{ComponentForm, ComponentKind, LinkForm, PropertiesForm};
use super::ids::{self, Apps};
use super::scaler::{self, Scaler};
use super::secrets::{self, Policies};
use super::{Trait, capability};
use crate::draft::Draft;
use crate::image::Image;
use crate::manifest::ActorPlace;
use crate::nearest::did_you_mean;
use crate::read::{At, Plain, Reader};
use crate::source::{Options, Span};

/// A component and what is known of it before anything is made of it.
pub(super) struct Component<'f> {
    pub(super) name: &'f str,
    pub(super) span: Span,
    /// What it is called here.
    pub(super) party: Party,
    /// Whether another application declares it, and it only stands for that here.
    pub(super) is_shared: bool,
    /// Of a capability: which provider of ours it is, if it is one.
    pub(super) kind: Option<&'static str>,
    pub(super) form: &'f ComponentForm,
    pub(super) properties: &'f PropertiesForm,
    pub(super) scaler: Option<Scaler>,
    pub(super) links: Vec<At<LinkForm>>,
}

/// The components of a manifest.
pub(super) struct Components<'f> {
    /// Those of which enough is right to make something of them.
    pub(super) list: Vec<Component<'f>>,
    /// The names of all, so that a link to one that is wrong is not told too.
    names: BTreeMap<&'f str, Span>,
}

impl Components<'_> {
    /// The component of a name. One that is not declared is told.
    pub(super) fn find(&self, name: &At<Plain>, reader: &mut Reader) -> Option<&Component<'_>> {
        let text = name.value.0.as_str();
        if !self.names.contains_key(text) {
            let near = did_you_mean(text, self.names.keys().copied());
            let help = near.unwrap_or("declare it, with `application` if another manifest does".to_owned());
            reader.error_with(name.span, format!("no component `{text}` is declared here"), help);
        }
        self.list.iter().find(|component| component.name == text)
    }
}

/// Finds out what each component is.
pub(super) fn resolve<'f>(
    forms: &'f [At<ComponentForm>],
    manifest: &str,
    apps: &Apps,
    reader: &mut Reader,
) -> Components<'f> {
    let mut components: Vec<Component<'f>> = Vec::new();
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for At { value: form, .. } in forms {
        let Some(name) = &form.name.0 else {
            continue;
        };
        if let Some(first) = names.get(name.value.0.as_str()) {
            let line = reader.text().position(first.start).0;
            let message = format!("component `{}` is declared twice", name.value.0);
            reader.error_with(name.span, message, format!("the first is on line {line}"));
        } else {
            names.insert(&name.value.0, name.span);
        }
        let (Some(kind), Some(properties)) = (form.kind.get(), form.properties.get()) else {
            continue;
        };
        let taken = |id: &str| components.iter().any(|other| other.party.name() == id);
        let Some(id) = id(name, properties, manifest, apps, taken, reader) else {
            continue;
        };
        let is_provider = *kind == ComponentKind::Capability;
        let party = if is_provider {
            id.parse().map(Party::Provider)
        } else {
            id.parse().map(Party::Actor)
        };
        let party = match party {
            Ok(party) => party,
            Err(error) => {
                reader.error(name.span, error.to_string());
                continue;
            }
        };
        let mut component = Component {
            name: &name.value.0,
            span: name.span,
            party,
            is_shared: properties.application.is_some(),
            kind: None,
            form,
            properties,
            scaler: None,
            links: Vec::new(),
        };
        component.read_traits(reader);
        component.check(is_provider, reader);
        if is_provider && let Some(image) = &properties.image {
            component.kind = capability::kind(image, reader);
        }
        components.push(component);
    }
    Components {
        list: components,
        names,
    }
}

/// What a component is called here.
fn id(
    name: &At<Plain>,
    properties: &PropertiesForm,
    manifest: &str,
    apps: &Apps,
    taken: impl Fn(&str) -> bool,
    reader: &mut Reader,
) -> Option<String> {
    if let Some(shared) = &properties.application {
        let (app, component) = (shared.value.name.get()?, shared.value.component.get()?);
        return Some(apps.name(&app.0, &component.0));
    }
    let Some(id) = &properties.id else {
        let derived = ids::derive(manifest, &name.value.0);
        // Two names may differ only in what ours cannot have.
        return Some(if taken(&derived) {
            other_id(&derived, name)
        } else {
            derived
        });
    };
    let token = ids::token(&id.value.0);
    if token != id.value.0 {
        let message = format!("the id `{}` is written `{token}` here", id.value.0);
        reader.warn_with(id.span, message, "names are a-z, 0-9, `-` and `_`");
    }
    if taken(&token) {
        reader.error(id.span, format!("another component has the id `{token}`"));
        // What else is wrong with the component is found under another.
        return Some(other_id(&token, name));
    }
    Some(token)
}

/// An id for a component whose own is taken.
fn other_id(id: &str, name: &At<Plain>) -> String {
    ids::with_digest(id, &name.value.0)
}

impl Component<'_> {
    fn read_traits(&mut self, reader: &mut Reader) {
        for form in self.form.traits.iter().flat_map(|at| &at.value) {
            match Trait::read(form, reader) {
                None => {}
                Some(Trait::Link(link)) => self.links.push(*link),
                Some(Trait::Scaler(scaler)) if self.scaler.is_none() => self.scaler = Some(scaler),
                Some(Trait::Scaler(scaler)) => {
                    let message = format!("component `{}` has two scalers", self.name);
                    reader.error_with(scaler.form.span, message, "say in one `spread` where it runs");
                }
            }
        }
    }

    /// Checks what stands beside what.
    fn check(&self, is_provider: bool, reader: &mut Reader) {
        let PropertiesForm { image, application, .. } = self.properties;
        match (image, application) {
            (Some(_), Some(shared)) => {
                reader.error(shared.span, "`image` and `application` exclude each other");
            }
            (None, None) => {
                let message = format!(
                    "component `{}` needs `image`, or `application` if another manifest declares it",
                    self.name
                );
                reader.error(self.span, message);
            }
            _ => {}
        }
        if is_provider {
            secrets::refuse(&self.properties.secrets, "a provider", reader);
        }
        if !self.is_shared {
            return;
        }
        let PropertiesForm {
            config, secrets, id, ..
        } = self.properties;
        for (what, span) in [
            ("id", id.as_ref().map(|at| at.span)),
            ("config", config.as_ref().map(|at| at.span)),
            ("secrets", secrets.as_ref().map(|at| at.span)),
            ("scaler", self.scaler.as_ref().map(|scaler| scaler.form.span)),
        ] {
            if let Some(span) = span {
                let message =
                    format!("a component of another application has no {what} here: that application says it");
                reader.error(span, message);
            }
        }
    }

    /// Whether it is an actor, and no provider.
    pub(super) fn is_actor(&self) -> bool {
        self.party.as_actor().is_some()
    }
}

/// Adds a component that is an actor to the draft.
pub(super) fn add_actor(
    component: &Component<'_>,
    configs: &Configs<'_>,
    policies: &mut Policies<'_>,
    options: &Options,
    draft: &mut Draft,
    reader: &mut Reader,
) {
    let Party::Actor(name) = &component.party else {
        return;
    };
    let PropertiesForm {
        image, config, secrets, ..
    } = component.properties;
    let typed = image.as_ref().map(|at| at.value.clone()).unwrap_or_default();
    let image = image.as_ref().and_then(|at| {
        let value = Image::read(&at.value, at.span, options, reader)?;
        Some(At { value, span: at.span })
    });
    let spec = ActorSpec {
        config: configs.merge(&[config], reader).into_map(),
        secrets: policies.actor_secrets(secrets, reader),
        ..ActorSpec::new(name.clone(), Draft::no_digest(), typed)
    };
    let actor = DesiredActor {
        spec,
        placement: scaler::actor(component.form, component.scaler.as_ref(), reader),
        update: UpdateStrategy::default(),
    };
    draft.add_actor(ActorPlace::new(component.span), actor, image, reader);
}
