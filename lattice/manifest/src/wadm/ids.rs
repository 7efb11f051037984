//! Names of ours for what wadm names.
//!
//! wadm calls a component `{manifest}-{component}`, in lower case, unless the component has an `id`. So do we; where wadm writes `_` for
//! a character that a name cannot have, we write `-`, which reads better in a subject.

use std::collections::BTreeMap;

use lattice_core::Digest;

use crate::tree::{Node, Value};

/// The longest name, and the part of it that stays when a digest must tell it from others.
const LENGTH_MAX: usize = 63;
const LENGTH_KEPT: usize = 54;

/// A text as one of our names.
pub(super) fn token(text: &str) -> String {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let lower = text.to_lowercase();
    let spelt: String = lower.chars().map(|c| if fine(c) { c } else { '-' }).collect();
    let spelt = spelt.trim_start_matches(['-', '_']);
    match spelt.len() {
        0 => with_digest("x", text),
        1..=LENGTH_MAX => spelt.to_owned(),
        _ => with_digest(spelt, text),
    }
}

/// A name that no other text has.
pub(super) fn with_digest(name: &str, text: &str) -> String {
    let digest = Digest::of(text.as_bytes()).hex();
    let kept: String = name.chars().take(LENGTH_KEPT).collect();
    format!("{kept}-{}", &digest[..8])
}

/// The name of a component of a manifest.
pub(super) fn derive(manifest: &str, component: &str) -> String {
    token(&format!("{manifest}-{component}"))
}

/// The names that the documents of one source give to their components, for those that share them.
#[derive(Debug, Default)]
pub(crate) struct Apps(BTreeMap<(String, String), String>);

impl Apps {
    /// Finds the components with an `id` in `documents`, whatever else is right or wrong with those.
    pub(crate) fn of(documents: &[Node]) -> Self {
        let mut apps = Self::default();
        for document in documents {
            let name = document.get("metadata").and_then(|metadata| metadata.get("name"));
            let components = document.get("spec").and_then(|spec| spec.get("components"));
            let (Some(name), Some(Value::List(components))) = (name.and_then(text), components.map(|list| &list.value))
            else {
                continue;
            };
            for component in components {
                let id = component.get("properties").and_then(|properties| properties.get("id"));
                if let (Some(component), Some(id)) = (component.get("name").and_then(text), id.and_then(text)) {
                    apps.0.insert((name.to_owned(), component.to_owned()), token(id));
                }
            }
        }
        apps
    }

    /// What a component of another application is called here.
    pub(super) fn name(&self, manifest: &str, component: &str) -> String {
        let key = (manifest.to_owned(), component.to_owned());
        self.0.get(&key).cloned().unwrap_or_else(|| derive(manifest, component))
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_wadm_s_with_hyphens() {
        let check = |manifest: &str, component: &str, expect: &str| {
            let name = derive(manifest, component);
            assert_eq!(name, expect);
            assert!(name.parse::<lattice_core::ActorName>().is_ok(), "{name}");
        };
        check("hello", "http-component", "hello-http-component");
        check("Hello World", "web.server", "hello-world-web-server");
        check("my_app", "a", "my_app-a");
        check("-x", "ä", "x--");
        let long = "a".repeat(80);
        let name = derive(&long, "b");
        assert!(name.len() == 63 && name != derive(&long, "c"), "{name}");
        assert!(token("äö").parse::<lattice_core::ActorName>().is_ok());
    }
}
