//! Which paths a route takes, and which segment of them is the key of an actor.

use std::fmt;

/// The segment that stands for an actor's key.
pub(crate) const KEY_SEGMENT: &str = "{key}";

/// Paths, with or without a segment that is a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern {
    /// What stands before the segment that is a key, without a slash at its end; `None` when no segment is.
    pub before_key: Option<String>,
    /// The path, or what follows the key.
    pub tail: PathTail,
}

/// One path, or all from a prefix on. After a key it may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathTail {
    /// This path.
    Exact(String),
    /// This path and all below it; without a slash at its end, so that the root is empty.
    Prefix(String),
}

impl PathPattern {
    /// Says whether a segment of the path is a key.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        self.before_key.is_some()
    }

    /// Makes the pattern for what [`check`] let pass.
    pub(crate) fn new(path: &str, is_exact: bool) -> Self {
        let (before_key, tail) = match path.split_once(&format!("/{KEY_SEGMENT}")) {
            Some((before, tail)) => (Some(before.to_owned()), tail),
            None => (None, path),
        };
        let tail = if is_exact {
            PathTail::Exact(tail.to_owned())
        } else {
            PathTail::Prefix(tail.trim_end_matches('/').to_owned())
        };
        Self { before_key, tail }
    }
}

/// Refuses what is not the path of a URL, but for one segment that may stand for a key.
pub(crate) fn check(text: &str) -> Result<&str, String> {
    if !text.starts_with('/') {
        return Err("does not start with `/`".to_owned());
    }
    if text.contains('*') {
        return Err("has a `*`; a path is a prefix already unless `match` is `exact`".to_owned());
    }
    let (keys, others): (Vec<&str>, Vec<&str>) = text.split('/').partition(|segment| *segment == KEY_SEGMENT);
    if others.iter().any(|segment| segment.contains(['{', '}'])) {
        return Err("has braces that are not `{key}` as a whole segment, and nothing else is filled in".to_owned());
    }
    if keys.len() > 1 {
        return Err("has `{key}` more than once; an actor has one key".to_owned());
    }
    let filled = text.replace(KEY_SEGMENT, "key");
    match filled.parse::<http::uri::PathAndQuery>() {
        Ok(path) if path.query().is_none() && path.as_str() == filled => Ok(text),
        _ => Err("is not the path of a URL (no query, no fragment, no blanks)".to_owned()),
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = &self.before_key {
            write!(f, "{before}/{KEY_SEGMENT}")?;
        }
        match &self.tail {
            PathTail::Exact(path) => write!(f, "{path} (exact)"),
            PathTail::Prefix(path) if path.is_empty() && !self.has_key() => f.write_str("/"),
            PathTail::Prefix(path) => f.write_str(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_segment_may_be_a_key() {
        let read = |text: &str, is_exact| PathPattern::new(check(text).expect(text), is_exact);
        let pattern = |before: &str, tail| PathPattern {
            before_key: Some(before.to_owned()),
            tail,
        };
        for (text, is_exact, expect, shown) in [
            (
                "/cart/{key}",
                false,
                pattern("/cart", PathTail::Prefix(String::new())),
                "/cart/{key}",
            ),
            ("/{key}/", false, pattern("", PathTail::Prefix(String::new())), "/{key}"),
            (
                "/a/{key}/b/c",
                false,
                pattern("/a", PathTail::Prefix("/b/c".into())),
                "/a/{key}/b/c",
            ),
            (
                "/a/{key}",
                true,
                pattern("/a", PathTail::Exact(String::new())),
                "/a/{key} (exact)",
            ),
            (
                "/a/{key}/",
                true,
                pattern("/a", PathTail::Exact("/".into())),
                "/a/{key}/ (exact)",
            ),
        ] {
            let path = read(text, is_exact);
            assert_eq!(path, expect, "{text}");
            assert_eq!(path.to_string(), shown);
        }
        assert!(!read("/cart/key", false).has_key());
    }

    #[test]
    fn other_braces_are_mistakes() {
        for (text, why) in [
            ("/cart/{id}", "braces"),
            ("/cart/{key", "braces"),
            ("/cart/x{key}", "braces"),
            ("/cart/{key}x", "braces"),
            ("/cart/{Key}", "braces"),
            ("/cart/{}", "braces"),
            ("/{key}/{key}", "more than once"),
            ("/{key}?x", "braces"),
            ("/{key}/x?y", "not the path"),
            ("/{key} ", "braces"),
            ("{key}", "start with"),
        ] {
            let mistake = check(text).expect_err(text);
            assert!(mistake.contains(why), "{text}: {mistake}");
        }
    }
}
