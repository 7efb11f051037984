//! wadm's form, `apiVersion: core.oam.dev/v1beta1`: files as others wrote them, unmodified.
//!
//! What a file says is honoured or refused by name, never passed over. Where wadm and we differ in what goes without saying, the file gets
//! what wadm would have done: a component without a scaler does not run, a link to an HTTP client opens every host.

mod capability;
mod component;
mod config;
mod form;
mod ids;
mod keys;
mod link;
mod scaler;
mod secrets;

use lattice_core::AppName;

use self::config::Configs;
use self::form::{LinkForm, ManifestForm, MetadataForm};
pub(crate) use self::ids::Apps;
use self::secrets::Policies;
use crate::draft::Draft;
use crate::manifest::Manifest;
use crate::read::{At, Read, Reader};
use crate::source::Options;
use crate::tree::Node;

/// The value of `apiVersion` in this form.
pub(crate) const API_VERSION: &str = "core.oam.dev/v1beta1";

/// Reads a document of this form.
pub(crate) fn read(document: &Node, options: &Options, apps: &Apps, reader: &mut Reader) -> Option<Manifest> {
    let form = ManifestForm::read(document, reader)?;
    let metadata = form.metadata.get();
    let spec = form.spec.get()?;
    let named = metadata.and_then(|metadata| app_name(metadata, reader));
    let is_named = named.is_some();
    let name = named.unwrap_or_else(|| Draft::no_name(document.span));
    let written = metadata.and_then(|metadata| metadata.name.get());
    let manifest = written.map(|name| name.0.clone()).unwrap_or_default();
    let mut draft = Draft::new(&name);
    if let Some(metadata) = metadata {
        describe(metadata, options, &mut draft, reader);
    }

    let components = spec.components.get()?;
    let components = component::resolve(components, &manifest, apps, reader);
    let mut configs = Configs::default();
    for component in &components.list {
        configs.gather(&component.properties.config, reader);
        for link in &component.links {
            for list in link::configs(&link.value) {
                configs.gather(list, reader);
            }
        }
    }
    let mut policies = Policies::of(&spec.policies);
    for component in components.list.iter().filter(|component| !component.is_shared) {
        component::add_actor(component, &configs, &mut policies, options, &mut draft, reader);
    }
    policies.finish(reader);
    let mut providers = capability::read(&components.list, &configs, reader);
    let links = link::read(&components, &configs, &mut providers, reader);
    capability::add(providers, &mut draft, reader);
    for link in links {
        link.add(&mut draft, reader);
    }
    let manifest = draft.finish(reader);
    is_named.then_some(manifest)
}

/// The name of the application. wadm takes letters that ours cannot have.
fn app_name(metadata: &MetadataForm, reader: &mut Reader) -> Option<At<AppName>> {
    let At { value, span } = metadata.name.0.as_ref()?;
    let written = value.0.as_str();
    let token = ids::token(written);
    if token != written {
        let message = format!("application `{written}` is called `{token}` here");
        reader.warn_with(*span, message, "names are a-z, 0-9, `-` and `_`");
    }
    match token.parse() {
        Ok(name) => Some(At {
            value: name,
            span: *span,
        }),
        Err(error) => {
            reader.error(*span, error.to_string());
            None
        }
    }
}

/// Version and description, which wadm keeps as annotations.
fn describe(metadata: &MetadataForm, options: &Options, draft: &mut Draft, reader: &mut Reader) {
    let annotations = metadata.annotations.as_ref();
    let annotation = |key: &str| {
        let mut pairs = annotations.into_iter().flat_map(|at| &at.value.0);
        pairs.find(|(name, _)| name.value == key).map(|(_, value)| value)
    };
    let version = annotation("version");
    if let Some(latest) = version.filter(|version| version.value.0 == "latest" && !options.allow_latest) {
        reader.error_with(
            latest.span,
            "the version `latest` would name another application tomorrow",
            "write a version, such as v1.0.0",
        );
    }
    let text = |key| annotation(key).map(|at| at.value.0.clone());
    draft.describe(text("version"), text("description"));
}

/// What a trait of a component is.
enum Trait {
    Scaler(scaler::Scaler),
    Link(Box<At<LinkForm>>),
}

impl Trait {
    fn read(form: &At<form::TraitForm>, reader: &mut Reader) -> Option<Self> {
        let kind = form.value.kind.0.as_ref()?;
        let is_daemon = match kind.value.as_str() {
            "spreadscaler" => Some(false),
            "daemonscaler" => Some(true),
            "link" => None,
            other => {
                let help = crate::nearest::hint(other, &["spreadscaler", "daemonscaler", "link"]);
                reader.error_with(kind.span, format!("the trait `{other}` cannot be honoured"), help);
                return None;
            }
        };
        let Some(properties) = &form.value.properties else {
            reader.error(kind.span, format!("a {} needs `properties`", kind.value));
            return None;
        };
        let node = &properties.value.0;
        Some(match is_daemon {
            Some(is_daemon) => Self::Scaler(scaler::Scaler {
                is_daemon,
                form: At::read(node, reader)?,
            }),
            None => Self::Link(Box::new(At::read(node, reader)?)),
        })
    }
}
