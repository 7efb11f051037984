//! One operation of one client.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a kind of operation is answered with.
pub trait Operation: Clone + Eq + fmt::Debug + Serialize + DeserializeOwned {
    /// What a client learns when it went well.
    type Answer: Clone + Eq + fmt::Debug + Serialize + DeserializeOwned;
}

/// Names an operation within its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub(crate) u64);

/// Which client: only for people to read. One client may have several operations under way.
pub type Client = u32;

/// What a client did, when, and what came of it. Times are nanoseconds since the recorder began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Op<O: Operation> {
    /// Its name.
    pub id: OpId,
    /// Who did it.
    pub client: Client,
    /// On what.
    pub key: String,
    /// What it should do.
    pub what: O,
    /// It did not happen before.
    pub begun_ns: u64,
    /// When the client learned the outcome, or gave up. Only an outcome that is known says that nothing happened afterwards.
    pub ended_ns: Option<u64>,
    /// What the client learned.
    pub outcome: Outcome<O::Answer>,
}

/// How an operation ended, as far as its client knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome<A> {
    /// It happened between its beginning and its end, once.
    Ok(A),
    /// It did not happen and never will.
    Failed,
    /// It may have happened at any time since its beginning, may yet happen, or never.
    Unknown,
}

impl<O: Operation> Op<O> {
    /// The answer and when it came, of an operation that went well.
    pub(crate) fn answered(&self) -> Option<(&O::Answer, u64)> {
        match (&self.outcome, self.ended_ns) {
            (Outcome::Ok(answer), Some(ended_ns)) => Some((answer, ended_ns)),
            _ => None,
        }
    }

    /// Whether nobody knows what became of it.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown)
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl<O: Operation> fmt::Display for Op<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            client,
            key,
            what,
            begun_ns,
            ended_ns,
            outcome,
        } = self;
        write!(f, "{id} client {client} {key} {what:?} at {}", Micros(*begun_ns))?;
        if let Some(ended_ns) = ended_ns {
            write!(f, "..{}", Micros(*ended_ns))?;
        }
        match outcome {
            Outcome::Ok(answer) => write!(f, ": {answer:?}"),
            Outcome::Failed => write!(f, ": failed"),
            Outcome::Unknown => write!(f, ": unknown"),
        }
    }
}

/// Nanoseconds, for people.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}us", self.0 / 1000, self.0 % 1000)
    }
}
