//! WIT interfaces as links and components name them.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::id::{ParseIdError, check_wit_name, text_id};

text_id! {
    /// An interface without its version: `wasi:keyvalue/store`.
    InterfaceId, "an interface", check_interface
}
text_id! {
    /// What a link covers: one interface (`wasi:keyvalue/store`) or all of a package (`wasi:keyvalue`).
    InterfacePattern, "an interface or a package", check_pattern
}

impl InterfaceId {
    /// `wasi` of `wasi:keyvalue/store`.
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// `keyvalue` of `wasi:keyvalue/store`.
    pub fn package(&self) -> &str {
        self.package_and_interface().0
    }

    /// `store` of `wasi:keyvalue/store`.
    pub fn interface(&self) -> &str {
        self.package_and_interface().1
    }

    fn package_and_interface(&self) -> (&str, &str) {
        let (_, rest) = self.0.split_once(':').unwrap_or_default();
        rest.split_once('/').unwrap_or_default()
    }
}

impl InterfacePattern {
    /// Whether `interface` is the one meant, or lies in the package meant.
    pub fn covers(&self, interface: &InterfaceId) -> bool {
        match interface.0.strip_prefix(&*self.0) {
            Some("") => true,
            Some(rest) => rest.starts_with('/'),
            None => false,
        }
    }

    /// The single interface meant; `None` when the pattern is a whole package.
    pub fn as_interface(&self) -> Option<InterfaceId> {
        self.0.contains('/').then(|| InterfaceId(self.0.clone()))
    }

    /// The package, `wasi:keyvalue` of `wasi:keyvalue/store`.
    pub fn package(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(package, _)| package)
    }
}

impl From<InterfaceId> for InterfacePattern {
    fn from(interface: InterfaceId) -> Self {
        Self(interface.0)
    }
}

impl From<&InterfaceId> for InterfacePattern {
    fn from(interface: &InterfaceId) -> Self {
        Self(interface.0.clone())
    }
}

/// An interface as a component imports or exports it: `wasi:keyvalue/store@0.2.0-draft`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionedInterface {
    /// Which interface.
    pub id: InterfaceId,
    /// Its version, if it has one.
    pub version: Option<Version>,
}

impl VersionedInterface {
    /// Puts an interface and a version together.
    pub fn new(id: InterfaceId, version: Option<Version>) -> Self {
        Self { id, version }
    }
}

impl FromStr for VersionedInterface {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((id, version)) = text.split_once('@') else {
            return Ok(Self {
                id: text.parse()?,
                version: None,
            });
        };
        let version = version
            .parse()
            .map_err(|_| ParseIdError::new("an interface", text, "what follows `@` must be a version such as 0.2.0"))?;
        Ok(Self {
            id: id.parse()?,
            version: Some(version),
        })
    }
}

impl TryFrom<String> for VersionedInterface {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VersionedInterface> for String {
    fn from(interface: VersionedInterface) -> String {
        interface.to_string()
    }
}

impl fmt::Display for VersionedInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

fn check_interface(text: &str) -> Result<(), &'static str> {
    match text.split_once('/') {
        Some(_) => check_pattern(text),
        None => Err("write namespace:package/interface"),
    }
}

fn check_pattern(text: &str) -> Result<(), &'static str> {
    if text.len() > 256 {
        return Err("it is longer than 256 characters");
    }
    if text.contains('@') {
        return Err("leave the version out");
    }
    let (namespace, rest) = text
        .split_once(':')
        .ok_or("write namespace:package/interface or namespace:package")?;
    let (package, interface) = rest
        .split_once('/')
        .map_or((rest, None), |(package, name)| (package, Some(name)));
    check_wit_name(namespace)?;
    check_wit_name(package)?;
    interface.map_or(Ok(()), check_wit_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_itself_and_its_package() {
        let check = |pattern: &str, interface: &str, expect: bool| {
            let pattern: InterfacePattern = pattern.parse().expect("a pattern");
            let interface = interface.parse().expect("an interface");
            assert_eq!(pattern.covers(&interface), expect, "{pattern} {interface}");
        };
        check("wasi:keyvalue/store", "wasi:keyvalue/store", true);
        check("wasi:keyvalue", "wasi:keyvalue/store", true);
        check("wasi:key", "wasi:keyvalue/store", false);
        check("wasi:keyvalue/store", "wasi:keyvalue/store-two", false);
        check("wasi:keyvalue/store", "wasi:keyvalue/atomics", false);
    }

    #[test]
    fn parses_what_components_import() {
        let check = |text: &str, expect: bool| {
            let parsed = text.parse::<VersionedInterface>();
            assert_eq!(parsed.is_ok(), expect, "{text}");
            if let Ok(parsed) = parsed {
                assert_eq!(parsed.to_string(), text);
            }
        };
        check("wasi:keyvalue/store@0.2.0-draft2", true);
        check("wasi:config/store@0.2.0-draft-2024-09-27", true);
        check("demo:ping/pong", true);
        check("demo:ping/pong@1.0", false);
        check("demo:ping", false);
        check("pong", false);
        check("a:b/c/d", false);
        check("a:/c", false);
        let store: InterfaceId = "wasi:keyvalue/store".parse().expect("an interface");
        assert_eq!(
            (store.namespace(), store.package(), store.interface()),
            ("wasi", "keyvalue", "store")
        );
    }
}
