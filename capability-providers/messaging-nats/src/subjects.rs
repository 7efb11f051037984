//! Which subjects an actor may have to do with.

use std::fmt;

/// First tokens of subjects that belong to the lattice.
const LATTICE: &str = "lat";
/// First token of the subjects that answers come back to.
const INBOX: &str = "_INBOX";
/// NATS itself takes longer ones, but nothing else does.
const LEN_MAX: usize = 1024;

/// A subject with or without wildcards, as a link names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern that messages are to be taken from.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the pattern.
    pub fn to_hear(text: &str) -> Result<Self, String> {
        let pattern = Self::read(text)?;
        match pattern.first() {
            "*" | ">" => {
                Err("begins with a wildcard and would hear the lattice itself; name the first token".to_owned())
            }
            INBOX => Err("would hear answers that are meant for others".to_owned()),
            first if is_reserved(first) => Err("belongs to the lattice or to NATS itself".to_owned()),
            _ => Ok(pattern),
        }
    }

    /// Reads a pattern of subjects that may be published to. What is reserved is refused again at each message, so that `>`
    /// is every subject but those.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the pattern.
    pub fn to_publish(text: &str) -> Result<Self, String> {
        let pattern = Self::read(text)?;
        if is_reserved(pattern.first()) {
            return Err("belongs to the lattice or to NATS itself".to_owned());
        }
        Ok(pattern)
    }

    /// Returns the pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(text: &str) -> Result<Self, String> {
        check_characters(text)?;
        let mut tokens = text.split('.').peekable();
        while let Some(token) = tokens.next() {
            match token {
                ">" if tokens.peek().is_some() => return Err("has a `>` that is not at its end".to_owned()),
                ">" | "*" => {}
                token if token.contains(['*', '>']) => {
                    return Err("has a wildcard inside a token; NATS knows them only as whole tokens".to_owned());
                }
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    fn first(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Says whether `subject`, which has no wildcards, is one of those meant.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says whether an actor whose link names `allowed` may publish to `subject`.
///
/// # Errors
///
/// Which rule refuses it.
pub fn check_publish(allowed: &[Pattern], subject: &str) -> Result<(), String> {
    check_characters(subject)?;
    if subject.split('.').any(|token| matches!(token, "*" | ">")) {
        return Err("it has a wildcard".to_owned());
    }
    let first = subject.split('.').next().unwrap_or_default();
    if is_reserved(first) {
        return Err("it belongs to the lattice or to NATS itself".to_owned());
    }
    if first == INBOX || allowed.iter().any(|pattern| pattern.matches(subject)) {
        return Ok(());
    }
    if allowed.is_empty() {
        return Err("the link's `publish` names no subjects".to_owned());
    }
    let allowed: Vec<&str> = allowed.iter().map(Pattern::as_str).collect();
    Err(format!("the link's `publish` names only {}", allowed.join(", ")))
}

fn check_characters(subject: &str) -> Result<(), String> {
    if subject.is_empty() || subject.split('.').any(str::is_empty) {
        return Err("has an empty token".to_owned());
    }
    if subject.len() > LEN_MAX {
        return Err(format!("is longer than {LEN_MAX} bytes"));
    }
    if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a blank or a control character in it".to_owned());
    }
    Ok(())
}

/// NATS keeps its own subjects, and those of accounts that are imported, behind a `$`.
fn is_reserved(first: &str) -> bool {
    first == LATTICE || first.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_nats() {
        let check = |pattern: &str, subject: &str, expect: bool| {
            assert_eq!(
                Pattern::read(pattern).expect("a pattern").matches(subject),
                expect,
                "{pattern} {subject}"
            );
        };
        check("a.b", "a.b", true);
        check("a.b", "a.b.c", false);
        check("a.b", "a", false);
        check("a.*", "a.b", true);
        check("a.*", "a", false);
        check("a.*", "a.b.c", false);
        check("a.*.c", "a.b.c", true);
        check("a.>", "a.b.c", true);
        check("a.>", "a", false);
        check(">", "a", true);
        check("a", "ab", false);
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b",
            "a.>.b",
            "a*",
            "a.b>",
            "a\r\n",
            &"a".repeat(2000),
        ] {
            assert!(Pattern::to_hear(text).is_err(), "{text:?}");
            assert!(Pattern::to_publish(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_lattice_is_neither_heard_nor_spoken_to() {
        for text in [
            "lat.>",
            "lat",
            "lat.default.ctl.all.ping",
            "$JS.API.>",
            "$KV.x",
            "$SYS.>",
            "$SRV.PING",
        ] {
            assert!(Pattern::to_hear(text).is_err(), "{text}");
            assert!(Pattern::to_publish(text).is_err(), "{text}");
        }
        for text in [">", "*", "*.x", "_INBOX.>"] {
            assert!(Pattern::to_hear(text).is_err(), "{text}");
        }
        let everything = [Pattern::to_publish(">").expect("a pattern")];
        for subject in ["lat.default.evt.x", "$KV.bucket.key", "a.>", "a.*", "", "a b"] {
            assert!(check_publish(&everything, subject).is_err(), "{subject}");
        }
        for subject in ["a", "latte.a", "orders.1", "_INBOX.x.y"] {
            assert_eq!(check_publish(&everything, subject), Ok(()), "{subject}");
        }
    }

    #[test]
    fn only_what_is_named_may_be_published_and_answers() {
        let allowed = [Pattern::to_publish("orders.*").expect("a pattern")];
        assert_eq!(check_publish(&allowed, "orders.1"), Ok(()));
        assert!(check_publish(&allowed, "orders.1.2").is_err());
        assert!(check_publish(&allowed, "other").is_err());
        assert!(check_publish(&[], "other").is_err());
        assert_eq!(check_publish(&[], "_INBOX.abc"), Ok(()));
    }
}
