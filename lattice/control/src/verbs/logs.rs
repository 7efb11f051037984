//! What actors log: the last lines that a host keeps, and those that come.
//!
//! Whoever follows an actor asks its hosts again and again, well within [`FOLLOWED_FOR`]; as long as somebody does, a host publishes the actor's
//! lines on `lat.<lattice>.log.<member>.<actor>`, and otherwise not at all. So a line that nobody follows costs no message, a follower that
//! dies leaves nothing behind, and any number of followers of one actor share one stream of lines.

use std::time::Duration;

use lattice_core::{ActorKey, ActorName, TraceId};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// How long a host goes on passing lines on after it was last asked to.
pub const FOLLOWED_FOR: Duration = Duration::from_secs(15);

/// Asks a host what an actor has logged there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Which.
    pub actor: ActorName,
    /// Only the stateful actor with this key.
    #[serde(default)]
    pub key: Option<ActorKey>,
    /// At most so many lines, the last ones.
    pub tail: u64,
    /// None from before, in milliseconds since 1970.
    #[serde(default)]
    pub since_ms: u64,
    /// None that matters less.
    #[serde(default)]
    pub level: LogLevel,
    /// Whether to pass on what comes, for [`FOLLOWED_FOR`].
    #[serde(default)]
    pub follow: bool,
}

/// What an actor has logged on a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogsReply {
    /// Whether it runs there now.
    #[serde(default)]
    pub runs: bool,
    /// The lines, the oldest first.
    #[serde(default)]
    pub lines: Vec<LogLine>,
    /// The number of the last line that was logged there: those that come have higher ones.
    #[serde(default)]
    pub last: u64,
}

/// A line that an actor logged. It holds no control characters but tabs and line breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its number among the lines of all actors on its host, in this run of it. They only grow.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How much it matters.
    pub level: LogLevel,
    /// Who logged it.
    pub actor: ActorName,
    /// Which of the stateful ones, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ActorKey>,
    /// How it left the guest.
    pub stream: LogStream,
    /// What the guest says that it is about. Empty for what it just wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// What it says.
    pub message: String,
    /// The trace of the call that it was logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
}

/// How much a line matters, in the words of `wasi:logging`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum LogLevel {
    #[default]
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// How a line left the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStream {
    /// It was written to standard output.
    Stdout,
    /// It was written to standard error.
    Stderr,
    /// By `wasi:logging`.
    Logging,
    /// Anything a newer version knows and we do not.
    #[serde(other)]
    Unknown,
}

/// Lines as they are passed on, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogBatch {
    /// The lines, in order.
    #[serde(default)]
    pub lines: Vec<LogLine>,
    /// How many were lost just before them, since more came than a host passes on.
    #[serde(default)]
    pub dropped: u64,
}

impl Command for Logs {
    type Reply = LogsReply;
    const VERB: Verb = Verb::Logs;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_how_much_they_matter() {
        assert!(LogLevel::Trace < LogLevel::Debug && LogLevel::Warn < LogLevel::Error);
        assert!(LogLevel::Error < LogLevel::Critical);
    }

    #[test]
    fn a_line_of_a_newer_version_is_read() {
        let text = r#"{"number":1,"at_ms":2,"level":"warn","actor":"hello","stream":"pipe","message":"x","more":true}"#;
        let line: LogLine = serde_json::from_str(text).expect("a line");
        assert_eq!((line.stream, line.key, line.trace), (LogStream::Unknown, None, None));
    }
}
