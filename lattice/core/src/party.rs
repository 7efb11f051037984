//! The two ends of a link.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ActorName, ParseIdError, ProviderName};

/// An actor or a provider, written `actor/hello` or `provider/http`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Party {
    /// An actor of that name.
    Actor(ActorName),
    /// A provider of that name.
    Provider(ProviderName),
}

impl Party {
    /// The actor's name, if it is one.
    pub fn as_actor(&self) -> Option<&ActorName> {
        match self {
            Party::Actor(name) => Some(name),
            Party::Provider(_) => None,
        }
    }

    /// The provider's name, if it is one.
    pub fn as_provider(&self) -> Option<&ProviderName> {
        match self {
            Party::Provider(name) => Some(name),
            Party::Actor(_) => None,
        }
    }

    /// The name without its kind.
    pub fn name(&self) -> &str {
        match self {
            Party::Actor(name) => name.as_str(),
            Party::Provider(name) => name.as_str(),
        }
    }

    /// `actor` or `provider`.
    pub fn kind(&self) -> &'static str {
        match self {
            Party::Actor(_) => "actor",
            Party::Provider(_) => "provider",
        }
    }
}

impl From<ActorName> for Party {
    fn from(name: ActorName) -> Self {
        Party::Actor(name)
    }
}

impl From<ProviderName> for Party {
    fn from(name: ProviderName) -> Self {
        Party::Provider(name)
    }
}

impl FromStr for Party {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("actor", name)) => name.parse().map(Party::Actor),
            Some(("provider", name)) => name.parse().map(Party::Provider),
            _ => Err(ParseIdError::new(
                "a party",
                text,
                "write actor/<name> or provider/<name>",
            )),
        }
    }
}

impl TryFrom<String> for Party {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Party> for String {
    fn from(party: Party) -> String {
        party.to_string()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.name())
    }
}
