//! For which things an issuer may sign.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Labels, ParseIdError};
use crate::interface::InterfacePattern;
use crate::trust::Ask;

/// Restrictions on an issuer. A list that is absent does not restrict; a list that is there must contain a match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Sources of links, such as `actor/shop-*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Glob>>,
    /// Targets of links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Glob>>,
    /// Interfaces of links, such as `wasi:*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<Glob>>,
    /// Names of stand-alone providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<Glob>>,
    /// Verbs of commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbs: Option<Vec<Glob>>,
    /// Labels that every host it enrols must have.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub host_labels: Labels,
}

/// A text, or with a `*` at its end all texts that begin so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

impl Glob {
    /// Whether `text` is meant.
    pub fn matches(&self, text: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => text.starts_with(prefix),
            None => self.0 == text,
        }
    }

    /// Whether everything that `pattern` covers is meant. `wasi:keyvalue` means the whole package.
    fn matches_interfaces(&self, pattern: &InterfacePattern) -> bool {
        self.matches(pattern.as_str())
            || self.0 == pattern.package()
            // `wasi:keyvalue/*` takes in the whole package, `wasi:keyvalue/s*` does not.
            || pattern.as_interface().is_none() && self.0.strip_suffix('*') == Some(&format!("{pattern}/"))
    }
}

impl Scope {
    /// Whether the issuer may sign that; else what lies outside.
    pub(crate) fn check(&self, ask: &Ask<'_>) -> Result<(), String> {
        match ask {
            Ask::Link {
                source,
                interface,
                target,
            } => {
                require(self.sources.as_deref(), "the source", source)?;
                require(self.targets.as_deref(), "the target", target)?;
                self.check_interface(interface)
            }
            Ask::Unlink { source, interface } => {
                require(self.sources.as_deref(), "the source", source)?;
                self.check_interface(interface)
            }
            Ask::Host { labels } if labels.matches(&self.host_labels) => Ok(()),
            Ask::Host { .. } => Err(format!("a host without the labels {}", self.host_labels)),
            Ask::Provider { names } => names
                .iter()
                .try_for_each(|name| require(self.providers.as_deref(), "the provider", name)),
            Ask::Command { verb } => require(self.verbs.as_deref(), "the command", verb),
            Ask::Image | Ask::Aot => Ok(()),
        }
    }

    fn check_interface(&self, interface: &InterfacePattern) -> Result<(), String> {
        match &self.interfaces {
            Some(globs) if !globs.iter().any(|glob| glob.matches_interfaces(interface)) => {
                Err(format!("the interface {interface}"))
            }
            _ => Ok(()),
        }
    }
}

fn require(globs: Option<&[Glob]>, what: &str, name: &impl fmt::Display) -> Result<(), String> {
    let text = name.to_string();
    match globs {
        Some(globs) if !globs.iter().any(|glob| glob.matches(&text)) => Err(format!("{what} {text}")),
        _ => Ok(()),
    }
}

impl FromStr for Glob {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| Err(ParseIdError::new("a scope pattern", text, reason));
        match text.find('*') {
            Some(star) if star + 1 != text.len() => refuse("a `*` may stand only at its end"),
            _ if text.is_empty() || text.len() > 256 => refuse("it must have 1 to 256 characters"),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Glob {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> String {
        glob.0
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_scope_takes_in_whole_packages_only_when_it_means_them() {
        let check = |glob: &str, pattern: &str, expect: bool| {
            let (glob, pattern): (Glob, InterfacePattern) =
                (glob.parse().expect("glob"), pattern.parse().expect("pattern"));
            assert_eq!(glob.matches_interfaces(&pattern), expect, "{glob} {pattern}");
        };
        check("*", "wasi:keyvalue", true);
        check("wasi:*", "wasi:keyvalue", true);
        check("wasi:keyvalue", "wasi:keyvalue", true);
        check("wasi:keyvalue", "wasi:keyvalue/store", true);
        check("wasi:keyvalue/*", "wasi:keyvalue/store", true);
        check("wasi:keyvalue/*", "wasi:keyvalue", true);
        check("wasi:keyvalue/s*", "wasi:keyvalue/store", true);
        check("wasi:keyvalue/s*", "wasi:keyvalue", false);
        check("wasi:keyvalue/store", "wasi:keyvalue", false);
        check("wasi:key", "wasi:keyvalue/store", false);
        check("demo:*", "wasi:keyvalue/store", false);
    }

    #[test]
    fn a_star_stands_only_at_the_end() {
        assert!("a*b".parse::<Glob>().is_err());
        assert!("".parse::<Glob>().is_err());
        assert!("**".parse::<Glob>().is_err());
        assert!("*".parse::<Glob>().is_ok());
    }
}
