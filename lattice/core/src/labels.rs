//! Labels: what a host is and where it stands; and selectors over them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Key and value pairs on a host, and, read as a selector, the pairs that a host must have.
///
/// ```
/// # use lattice_core::Labels;
/// let host: Labels = "zone=eu,arch=aarch64".parse()?;
/// assert!(host.matches(&"zone=eu".parse()?));
/// assert!(!host.matches(&"zone=us".parse()?));
/// assert!(host.matches(&Labels::default())); // an empty selector takes any host
/// # Ok::<(), lattice_core::LabelError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

/// A label that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The key has a forbidden form.
    #[error(
        "`{0}` is not a label key: it must be 1 to 63 of a-z, A-Z, 0-9, `.`, `_`, `-`, `/`, beginning with a letter or digit"
    )]
    Key(String),
    /// The value has a forbidden form.
    #[error(
        "`{value}` is not a value for the label `{key}`: at most 253 characters, without commas and control characters"
    )]
    Value {
        /// The key it stands with.
        key: String,
        /// The value itself.
        value: String,
    },
    /// There is no `=`.
    #[error("`{0}` is not a label: write key=value")]
    NoEquals(String),
    /// The same key twice in one list.
    #[error("the label `{0}` is given twice")]
    Twice(String),
}

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every pair of `selector` is here too.
    pub fn matches(&self, selector: &Labels) -> bool {
        selector.0.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }

    /// Sets a label, in place of what the key had.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), LabelError> {
        check(key, value)?;
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Removes a label.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All pairs, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn check(key: &str, value: &str) -> Result<(), LabelError> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let begins_well = key.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !begins_well || key.len() > 63 || !key.bytes().all(fine) {
        return Err(LabelError::Key(key.chars().take(80).collect()));
    }
    if value.len() > 253 || value.chars().any(|c| c.is_control() || c == ',') {
        return Err(LabelError::Value {
            key: key.to_owned(),
            value: value.chars().take(80).collect(),
        });
    }
    Ok(())
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = LabelError;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        map.iter().try_for_each(|(key, value)| check(key, value))?;
        Ok(Self(map))
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl FromStr for Labels {
    type Err = LabelError;

    /// Reads `key=value,key=value`; the empty text has no labels.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut labels = Labels::default();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| LabelError::NoEquals(pair.to_owned()))?;
            if labels.get(key).is_some() {
                return Err(LabelError::Twice(key.to_owned()));
            }
            labels.insert(key, value)?;
        }
        Ok(labels)
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_lists() {
        let check = |text: &str, expect: Result<&str, LabelError>| {
            assert_eq!(
                text.parse::<Labels>().map(|labels| labels.to_string()),
                expect.map(str::to_owned)
            );
        };
        check("", Ok(""));
        check("b=2,a=1", Ok("a=1,b=2"));
        check("a=", Ok("a="));
        check("url=http://x?y=z", Ok("url=http://x?y=z"));
        check("a", Err(LabelError::NoEquals("a".into())));
        check("=1", Err(LabelError::Key(String::new())));
        check("a=1,a=2", Err(LabelError::Twice("a".into())));
        check(
            "a=\u{7}",
            Err(LabelError::Value {
                key: "a".into(),
                value: "\u{7}".into(),
            }),
        );
    }
}
