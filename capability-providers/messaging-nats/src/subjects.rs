//! Which subjects an actor may have to do with.

use std::fmt;

use lattice_core::ActorKey;
use lattice_core::id::ParseIdError;

/// First tokens of subjects that belong to the lattice.
const LATTICE: &str = "lat";
/// First token of the subjects that answers come back to.
const INBOX: &str = "_INBOX";
/// NATS itself takes longer ones, but nothing else does.
const LEN_MAX: usize = 1024;

/// The token of a subscription that stands for an actor's key.
const KEY_TOKEN: &str = "{key}";

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
        if text.split('.').any(|token| token == KEY_TOKEN) {
            return Err("has `{key}`, which is filled in for `subscriptions` only; use `*`".to_owned());
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

/// Which token of a subject is the key of the actor that a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyToken(usize);

impl KeyToken {
    /// Puts a wildcard where a pattern has `{key}`, and says where that is.
    ///
    /// # Errors
    ///
    /// What is wrong with its braces, in words that follow the pattern.
    pub fn take(text: &str) -> Result<(String, Option<Self>), String> {
        let mut key = None;
        let mut tokens: Vec<&str> = text.split('.').collect();
        for (at, token) in tokens.iter_mut().enumerate() {
            if *token == KEY_TOKEN {
                if key.replace(Self(at)).is_some() {
                    return Err("has `{key}` more than once; an actor has one key".to_owned());
                }
                *token = "*";
            } else if token.contains(['{', '}']) {
                return Err(
                    "has braces that are not `{key}` as a whole token, and nothing else is filled in".to_owned(),
                );
            }
        }
        Ok((tokens.join("."), key))
    }

    /// Reads the key out of a subject.
    ///
    /// # Errors
    ///
    /// When the token cannot be one.
    pub fn read(self, subject: &str) -> Result<ActorKey, ParseIdError> {
        // A subscription hears only subjects with that many tokens.
        subject.split('.').nth(self.0).unwrap_or_default().parse()
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
    fn keys_are_read_out_of_subjects() {
        let (pattern, key) = KeyToken::take("devices.{key}.>").expect("a pattern");
        assert_eq!(pattern, "devices.*.>");
        let key = key.expect("it has one");
        let read = |subject: &str| key.read(subject).map(String::from).ok();
        assert_eq!(read("devices.d-1.telemetry.x").as_deref(), Some("d-1"));
        for subject in [
            "devices",
            "devices.a\u{1}b.x",
            &format!("devices.{}.x", "x".repeat(129)),
        ] {
            assert_eq!(read(subject), None, "{subject}");
        }
        assert_eq!(KeyToken::take("a.*.>"), Ok(("a.*.>".to_owned(), None)));
        for text in ["a.{key}.{key}", "a.{id}", "a.{key", "a.x{key}", "a.{KEY}"] {
            assert!(KeyToken::take(text).is_err(), "{text}");
        }
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
