//! What a member can say about its own health.

use serde::{Deserialize, Serialize};

use super::Command;
use crate::verb::Verb;

/// Asks a member to check itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Doctor {}

/// What a member found out about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// The checks, in the order they are worth reading.
    pub checks: Vec<Check>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warning,
    /// Broken. Also what a status from a newer version reads as.
    #[serde(other)]
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at: `engine profile`.
    pub name: String,
    /// How it ended.
    pub status: CheckStatus,
    /// What was found: `server: 4 GiB reservations, pooling`.
    pub what: String,
    /// Why it matters, when it is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How to put it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    /// Builds a check that found all well.
    pub fn ok(name: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: CheckStatus::Ok,
            what: what.into(),
            why: None,
            fix: None,
        }
    }

    /// Builds a check that found something somebody should know.
    pub fn warning(
        name: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            status: CheckStatus::Warning,
            ..Self::failed(name, what, why, fix)
        }
    }

    /// Builds a check that found something broken.
    pub fn failed(
        name: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            status: CheckStatus::Failed,
            what: what.into(),
            why: Some(why.into()),
            fix: Some(fix.into()),
        }
    }
}

impl Command for Doctor {
    type Reply = DoctorReport;
    const VERB: Verb = Verb::Doctor;
}
