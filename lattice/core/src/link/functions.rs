//! Which functions a link grants.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::id::{FunctionName, ParseIdError};

/// Which functions of an interface. In a token `"*"` or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionSet {
    /// All.
    All,
    /// Only these.
    Only(Vec<FunctionName>),
}

impl FunctionSet {
    /// Whether `function`, as WIT spells it, is among them. `get` also allows the method `[method]bucket.get`.
    pub fn allows(&self, function: &str) -> bool {
        let method = function
            .strip_prefix('[')
            .and_then(|rest| rest.rsplit_once('.'))
            .map(|(_, method)| method);
        match self {
            Self::All => true,
            Self::Only(names) => names
                .iter()
                .any(|name| name.as_str() == function || Some(name.as_str()) == method),
        }
    }
}

impl Serialize for FunctionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("*"),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FunctionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Star(String),
            Names(Vec<FunctionName>),
        }
        match Wire::deserialize(deserializer)? {
            Wire::Star(star) if star == "*" => Ok(Self::All),
            Wire::Star(other) => Err(D::Error::custom(format!(
                "`{other}` is neither \"*\" nor a list of functions"
            ))),
            Wire::Names(names) => Ok(Self::Only(names)),
        }
    }
}

impl fmt::Display for FunctionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Only(names) => {
                let names: Vec<&str> = names.iter().map(FunctionName::as_str).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for FunctionSet {
    type Err = ParseIdError;

    /// Reads `*` or `get,set`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" => Ok(Self::All),
            list => list
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map(Self::Only),
        }
    }
}
