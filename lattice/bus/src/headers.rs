//! Headers of a NATS message.

use std::fmt;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

/// Headers of a message: names are case-sensitive, as everywhere in NATS, and a name may come more than once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Parsed here because async-nats panics on a name it does not like.
        let name: HeaderName = name.parse().ok()?;
        self.0.get(name).map(HeaderValue::as_str)
    }

    /// Sets a name to one value, in place of any it had.
    ///
    /// # Errors
    ///
    /// When the name or value holds a character that cannot travel in a header.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        let (name, value) = parse(name, value)?;
        self.0.insert(name, value);
        Ok(())
    }

    /// Adds a value to those a name already has.
    ///
    /// # Errors
    ///
    /// When the name or value holds a character that cannot travel in a header.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        let (name, value) = parse(name, value)?;
        self.0.append(name, value);
        Ok(())
    }

    /// Sets a name to one value, for chaining.
    ///
    /// # Errors
    ///
    /// When the name or value holds a character that cannot travel in a header.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.insert(name, value)?;
        Ok(self)
    }

    /// Walks over all names and values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values.iter().map(move |value| (name, value.as_str()))
        })
    }

    pub(crate) fn into_inner(self) -> Option<HeaderMap> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

impl From<Option<HeaderMap>> for Headers {
    fn from(map: Option<HeaderMap>) -> Self {
        Self(map.unwrap_or_default())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A name or value that cannot travel in a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}: {value}` cannot be a header: names are printable ASCII without `:`, values are one line")]
pub struct InvalidHeader {
    name: String,
    value: String,
}

fn parse(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let invalid = || InvalidHeader {
        name: name.escape_debug().to_string(),
        value: value.escape_debug().to_string(),
    };
    // async-nats takes an empty name, which no receiver can read back.
    if name.is_empty() {
        return Err(invalid());
    }
    Ok((
        name.parse().map_err(|_| invalid())?,
        value.parse().map_err(|_| invalid())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_value_of_a_name_and_returns_the_first() {
        let mut headers = Headers::new();
        headers.append("via", "a").expect("a plain header");
        headers.append("via", "b").expect("a plain header");
        assert_eq!(headers.get("via"), Some("a"));
        assert_eq!(headers.iter().count(), 2);
    }

    #[test]
    fn refuses_what_would_break_the_frame() {
        for (name, value) in [("", "x"), ("a:b", "x"), ("a\n", "x"), ("a", "x\r\ny"), ("ä", "x")] {
            assert!(Headers::new().insert(name, value).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn asking_for_an_impossible_name_finds_nothing() {
        assert_eq!(Headers::new().get("no\nsuch:name"), None);
    }
}
