//! Which of the actors of one name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ActorName, ParseIdError, text_id};

/// The longest key, in bytes. Encoded for NATS it is at most three times as long, and several stand in one subject.
const KEY_BYTES_MAX: usize = 128;

/// Any text that fits: keys come from paths, subjects and people.
fn check_key(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("it is empty")
    } else if text.len() > KEY_BYTES_MAX {
        Err("it is longer than 128 bytes")
    } else if text.chars().any(char::is_control) {
        Err("a control character is in it")
    } else {
        Ok(())
    }
}

text_id! {
    /// Tells apart the stateful actors of one name: `alice` in `cart/alice`.
    ActorKey, "an actor's key", check_key
}

impl ActorKey {
    /// The key as one token of a NATS subject and of a bucket's key. Letters, digits, `-` and `_` stand for themselves, every other byte is
    /// `=` and two hexadecimal digits, so that different keys stay different.
    pub fn to_token(&self) -> String {
        let mut token = String::with_capacity(self.as_str().len());
        for byte in self.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                token.push(char::from(byte));
            } else {
                token.push_str(&format!("={byte:02X}"));
            }
        }
        token
    }

    /// Reads what [`to_token`](Self::to_token) wrote.
    ///
    /// # Errors
    /// When it is nothing that could have been written.
    pub fn from_token(token: &str) -> Result<Self, ParseIdError> {
        let broken = |reason| ParseIdError::new("an actor's key", token, reason);
        let mut bytes = Vec::with_capacity(token.len());
        let mut rest = token.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first != b'=' {
                bytes.push(*first);
                continue;
            }
            let [high, low, tail @ ..] = rest else {
                return Err(broken("a `=` stands before two hexadecimal digits"));
            };
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return Err(broken("a `=` stands before two hexadecimal digits"));
            };
            bytes.push(high << 4 | low);
            rest = tail;
        }
        String::from_utf8(bytes)
            .map_err(|_| broken("it is no text"))?
            .try_into()
    }
}

/// A stateful actor, written `cart/alice`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyedActor {
    /// What all actors of its kind are called.
    pub name: ActorName,
    /// Which of them.
    pub key: ActorKey,
}

impl KeyedActor {
    /// Joins the two.
    pub fn new(name: ActorName, key: ActorKey) -> Self {
        Self { name, key }
    }

    /// The key of its records in buckets: `cart.alice`.
    pub fn record_key(&self) -> String {
        format!("{}.{}", self.name, self.key.to_token())
    }

    /// Reads what [`record_key`](Self::record_key) wrote.
    ///
    /// # Errors
    /// When it is nothing that could have been written.
    pub fn from_record_key(text: &str) -> Result<Self, ParseIdError> {
        let (name, key) = text.split_once('.').ok_or_else(|| {
            ParseIdError::new(
                "the key of an actor's record",
                text,
                "write <name>.<key>, the key encoded",
            )
        })?;
        Ok(Self::new(name.parse()?, ActorKey::from_token(key)?))
    }

    /// A number that is the same everywhere and in every version, to deal actors out evenly: FNV-1a, 64 bits.
    pub fn hash64(&self) -> u64 {
        let bytes = self.name.as_str().bytes().chain([0]).chain(self.key.as_str().bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl FromStr for KeyedActor {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, key) = text
            .split_once('/')
            .ok_or_else(|| ParseIdError::new("a stateful actor", text, "write <name>/<key>, such as cart/alice"))?;
        Ok(Self::new(name.parse()?, key.parse()?))
    }
}

impl TryFrom<String> for KeyedActor {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KeyedActor> for String {
    fn from(actor: KeyedActor) -> String {
        actor.to_string()
    }
}

impl fmt::Display for KeyedActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<ActorKey>().is_err(), "{bad:?}");
        }
        for bad in ["=", "=4", "=zz", "=FF", "a=0A"] {
            assert!(ActorKey::from_token(bad).is_err(), "{bad:?}");
        }
        assert!("cart".parse::<KeyedActor>().is_err());
        let actor: KeyedActor = "cart/a/b".parse().expect("slashes belong to the key");
        assert_eq!(actor.key.as_str(), "a/b");
        assert_eq!(actor.record_key(), "cart.a=2Fb");
    }

    proptest! {
        #[test]
        fn keys_survive_their_encoding(text in "\\PC{1,40}") {
            if let Ok(key) = text.parse::<ActorKey>() {
                let token = key.to_token();
                prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b)));
                prop_assert_eq!(ActorKey::from_token(&token).expect("own token"), key);
            }
        }

        #[test]
        fn no_token_panics(text in ".{0,60}") {
            let _ = ActorKey::from_token(&text);
            let _ = KeyedActor::from_record_key(&text);
        }
    }
}
