//! Versions as programs print them.

use std::fmt;

/// `major.minor.patch`; what follows is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// The first thing in `text` that looks like a version: `nats-server: v2.15.1`, `Redis server v=7.0.15 sha=0`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(Self::parse)
    }

    fn parse(word: &str) -> Option<Self> {
        let mut numbers = word.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[track_caller]
    fn check(text: &str, expect: Option<Version>) {
        assert_eq!(Version::find(text), expect, "{text:?}");
    }

    #[test]
    fn finds_the_version_in_what_programs_print() {
        check("nats-server: v2.15.1\n", Some(Version(2, 15, 1)));
        check("nats-server: v2.12.0-RC.3", Some(Version(2, 12, 0)));
        check(
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64",
            Some(Version(7, 0, 15)),
        );
        check(
            "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
            Some(Version(1, 96, 0)),
        );
        check("wasm-tools 1.262.0", Some(Version(1, 262, 0)));
        check(
            "wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer",
            Some(Version(4, 1, 0)),
        );
        check("Python 3.11.2", Some(Version(3, 11, 2)));
        check("something 3.14", Some(Version(3, 14, 0)));
    }

    #[test]
    fn finds_none_where_there_is_none() {
        check("", None);
        check("command not found", None);
        check("built 2026", None);
        check("99999999999.1.1", None);
        check("...", None);
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        assert!(Version(2, 9, 25) < Version(2, 12, 0));
        assert!(Version(2, 12, 0) <= Version(2, 12, 0));
        assert!(Version(10, 0, 0) > Version(9, 99, 99));
    }
}
