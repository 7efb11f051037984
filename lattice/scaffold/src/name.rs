//! What a project is called.

use std::fmt;
use std::str::FromStr;

/// Longer ones do not fit everywhere a project's name goes.
const LENGTH_MAX: usize = 63;

/// A name that is fit for an actor, an application, a crate, an npm package and a Go module alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectName(String);

/// Why a text is no name for a project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name for a project: begin with a small letter, go on with small letters, digits and single hyphens, {LENGTH_MAX} at most"
)]
pub struct ParseNameError(String);

impl ProjectName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let begins_well = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        if begins_well && text.len() <= LENGTH_MAX && text.split('-').all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(text.parse::<ProjectName>().is_ok(), expect, "{text:?}");
    }

    #[test]
    fn a_name_fits_everywhere_it_goes() {
        for good in ["a", "hello", "hello-2", "a1-b2-c3"] {
            check(good, true);
        }
        for bad in [
            "", "-", "Hello", "2go", "a--b", "a-", "a_b", "a.b", "a/b", "../a", "ä", "a b", "a\n",
        ] {
            check(bad, false);
        }
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
    }
}
