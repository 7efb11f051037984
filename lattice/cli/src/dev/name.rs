//! What the actor is called, and by that its application and its providers.

use std::{fmt, str::FromStr};

use lattice_core::{ActorName, AppName, ParseIdError, ProviderName};

/// Longer names leave no room for what is put around them.
const LEN_MAX: usize = 48;

/// An actor's name that is short enough to name its application and its providers by it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DevName(ActorName);

impl DevName {
    /// Makes a name of what a package or a folder is called.
    ///
    /// ```text
    /// My Shop.v2 -> my-shop-v2
    /// ```
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let plain: String = text
            .chars()
            .map(|c| match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9' | '-' | '_') => c,
                _ => '-',
            })
            .collect();
        let short: String = plain.trim_start_matches(['-', '_']).chars().take(LEN_MAX).collect();
        short.trim_end_matches('-').parse().ok()
    }

    /// The actor.
    pub(crate) fn actor(&self) -> &ActorName {
        &self.0
    }

    /// The application that is derived for it.
    pub(crate) fn app(&self) -> AppName {
        format!("dev-{self}").parse().expect("a short name leaves room")
    }

    /// The provider that serves it in this role: a word of at most nine letters.
    pub(crate) fn provider(&self, role: &str) -> ProviderName {
        format!("dev-{self}-{role}").parse().expect("a short name leaves room")
    }
}

impl fmt::Display for DevName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DevName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name: ActorName = text.parse().map_err(|error: ParseIdError| error.to_string())?;
        if text.len() > LEN_MAX {
            return Err(format!(
                "it is longer than {LEN_MAX} characters, and providers are named by it"
            ));
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_packages_give_names() {
        let check = |text: &str, expect: Option<&str>| {
            let name = DevName::from_text(text).map(|name| name.to_string());
            assert_eq!(name.as_deref(), expect, "{text:?}");
        };
        check("hello-http", Some("hello-http"));
        check("My Shop.v2", Some("my-shop-v2"));
        check("_private_", Some("private_"));
        check("été", Some("t"));
        check("--", None);
        check("", None);
        let long = DevName::from_text(&"a".repeat(100)).expect("cut");
        assert!(long.provider("messaging").as_str().len() <= 63);
        assert!("a".repeat(49).parse::<DevName>().is_err());
    }
}
