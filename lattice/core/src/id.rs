//! Every identifier, one newtype each: checked when it is made, trusted afterwards, cheap to clone.
//!
//! Names are single NATS subject tokens (`[a-z0-9][a-z0-9_-]{0,62}`), so that no id can smuggle a `.`, `*` or `>` into a subject.
//! Keys are nkeys: a prefix letter, 32 bytes of Ed25519 public key and a checksum in base32.

use std::sync::Arc;

pub use crate::digest::Digest;
pub use crate::incarnation::Incarnation;
pub use crate::invocation_id::InvocationId;
pub use crate::labels::{LabelError, Labels};
pub use crate::nkey::{AccountId, HostId, IssuerId, MemberId, OperatorId, ProviderKey, UserId};
pub use crate::party::Party;

/// A text that is not the identifier it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {reason}")]
pub struct ParseIdError {
    text: String,
    what: &'static str,
    reason: &'static str,
}

impl ParseIdError {
    /// Says which kind of id `text` failed to be, and why. Long texts are cut, since they may come from a peer.
    pub(crate) fn new(what: &'static str, text: &str, reason: &'static str) -> Self {
        let mut shown: String = text.chars().take(80).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self {
            text: shown,
            what,
            reason,
        }
    }

    /// The kind of id that was expected, such as `"a lattice id"`.
    pub fn expected(&self) -> &'static str {
        self.what
    }
}

/// Gives a newtype over `Arc<str>` its checked constructors, `Display`, `as_str` and serde as a string.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn checked(text: &str) -> Result<(), $crate::id::ParseIdError> {
                $check(text).map_err(|reason| $crate::id::ParseIdError::new($what, text, reason))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::checked(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::id::ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::checked(&text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::id::ParseIdError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}
pub(crate) use text_id;

/// Checks `[a-z0-9][a-z0-9_-]{0,62}`: one NATS subject token, also safe in file names, bucket names and URLs.
pub(crate) fn check_token(text: &str) -> Result<(), &'static str> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [] => Err("it is empty"),
        bytes if bytes.len() > 63 => Err("it is longer than 63 characters"),
        [first, ..] if !fine(*first) => Err("it must begin with a-z or 0-9"),
        [_, rest @ ..] if !rest.iter().all(|&b| fine(b) || b == b'-' || b == b'_') => {
            Err("only a-z, 0-9, `-` and `_` may be in it")
        }
        _ => Ok(()),
    }
}

/// An event name is a token, except `presence`, whose subject belongs to heartbeats.
fn check_event(text: &str) -> Result<(), &'static str> {
    check_token(text)?;
    if text == "presence" {
        Err("that name is taken by heartbeats")
    } else {
        Ok(())
    }
}

/// A function of a WIT interface: `get`, or for resources `[method]bucket.get`, `[constructor]bucket`.
fn check_function(text: &str) -> Result<(), &'static str> {
    if text.len() > 256 {
        return Err("it is longer than 256 characters");
    }
    let Some(bracketed) = text.strip_prefix('[') else {
        return check_wit_name(text);
    };
    let (prefix, names) = bracketed.split_once(']').ok_or("a `[` without its `]`")?;
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b' ') {
        return Err("what stands in brackets must be a WIT word such as `method`");
    }
    match names.split_once('.') {
        Some((resource, name)) => check_wit_name(resource).and_then(|()| check_wit_name(name)),
        None => check_wit_name(names),
    }
}

/// A WIT name: words of letters and digits joined by single hyphens, the first beginning with a letter.
pub(crate) fn check_wit_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("a part of it is empty");
    }
    if !text.as_bytes()[0].is_ascii_alphabetic() {
        return Err("each part must begin with a letter");
    }
    let word_is_fine = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    if !text.split('-').all(word_is_fine) {
        return Err("only words of letters and digits, joined by single hyphens, may be in it");
    }
    Ok(())
}

text_id! {
    /// Names an actor: what links, manifests and `lattice get actors` call it.
    ActorName, "an actor name", check_token
}
text_id! {
    /// Names an application: what one manifest declares.
    AppName, "an application name", check_token
}
text_id! {
    /// A name for anything of ours that needs one subject token: contexts, people's names for hosts.
    EntityName, "a name", check_token
}
text_id! {
    /// Names a site, and the JetStream domain of its own.
    SiteName, "a site name", check_token
}
text_id! {
    /// Names an event on `lat.<lattice>.evt.<member>.<event>`.
    EventName, "an event name", check_event
}
text_id! {
    /// Names a function of an interface as WIT spells it: `get`, `[method]bucket.get`.
    FunctionName, "a function name", check_function
}
text_id! {
    /// Names a lattice: the hosts that share it see each other.
    LatticeId, "a lattice id", check_token
}
text_id! {
    /// Tells apart several links of one source for the same interface; `default` unless the component asks by name.
    LinkLabel, "a link label", check_token
}
text_id! {
    /// Says what implementation a provider is: `http-server`, `keyvalue-nats`, or a third party's own.
    ProviderKind, "a provider kind", check_token
}
text_id! {
    /// Names a provider within its lattice.
    ProviderName, "a provider name", check_token
}
text_id! {
    /// Names a control command on `lat.<lattice>.ctl.…`.
    Verb, "a command verb", check_token
}

impl Default for LinkLabel {
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_subject_tokens() {
        let check = |text: &str, expect: bool| assert_eq!(text.parse::<ActorName>().is_ok(), expect, "{text:?}");
        check("hello", true);
        check("a", true);
        check("0-_9", true);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
        check("", false);
        check("-a", false);
        check("Hello", false);
        check("a.b", false);
        check("a>", false);
        check("*", false);
        check("a b", false);
        check("é", false);
    }

    #[test]
    fn functions_are_spelled_as_in_wit() {
        let check = |text: &str, expect: bool| assert_eq!(text.parse::<FunctionName>().is_ok(), expect, "{text:?}");
        check("get", true);
        check("list-keys", true);
        check("read-2", true);
        check("[method]bucket.get", true);
        check("[constructor]bucket", true);
        check("[resource-drop]bucket", true);
        check("", false);
        check("-get", false);
        check("get--all", false);
        check("[method]", false);
        check("[method", false);
        check("a.b", false);
        check("get*", false);
    }

    #[test]
    fn the_heartbeat_is_not_an_event_name() {
        assert!("presence".parse::<EventName>().is_err());
        assert!("link-rejected".parse::<EventName>().is_ok());
    }

    #[test]
    fn errors_name_the_kind_and_the_reason() {
        let error = "a.b".parse::<LatticeId>().expect_err("a dot");
        assert_eq!(
            error.to_string(),
            "`a.b` is not a lattice id: only a-z, 0-9, `-` and `_` may be in it"
        );
    }
}
