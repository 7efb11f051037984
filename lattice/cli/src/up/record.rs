//! What `lattice up` runs now, written down so that `down` and a second `up` know it.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context as _, Result};
use lattice_core::{HostId, LatticeId, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::identity::ProcessIdentity;
use crate::files::{self, Privacy};

/// The processes of one `lattice up`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// Which lattice.
    pub(crate) lattice: LatticeId,
    /// How far it is.
    pub(crate) phase: Phase,
    /// The context that reaches it.
    pub(crate) context: String,
    /// When it started.
    pub(crate) started_at: UnixSeconds,
    /// `lattice up` itself.
    pub(crate) supervisor: ProcessIdentity,
    /// The NATS server.
    #[serde(default)]
    pub(crate) nats: Option<NatsRun>,
    /// The hosts.
    #[serde(default)]
    pub(crate) hosts: Vec<HostRun>,
}

/// How far `lattice up` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// The NATS server's process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct NatsRun {
    pub(crate) process: ProcessIdentity,
    pub(crate) url: String,
    pub(crate) version: String,
}

/// A host's process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostRun {
    pub(crate) process: ProcessIdentity,
    pub(crate) name: String,
    pub(crate) id: HostId,
    /// Where it shows its metrics, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Whether it was told to end and is gone for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended: bool,
}

impl RunRecord {
    /// Reads a record. One that cannot be read (a crash of the machine, another version) is as good as none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        Ok(files::read_if_there(path)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Writes it.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        files::write_atomically(path, text.as_bytes(), Privacy::Secret)
    }

    /// Removes it.
    pub(crate) fn remove(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The children, those first that must end first: hosts say good-bye over NATS.
    pub(crate) fn children(&self) -> impl Iterator<Item = (String, &ProcessIdentity)> {
        let hosts = self
            .hosts
            .iter()
            .map(|host| (format!("host {}", host.name), &host.process));
        hosts.chain(self.nats.iter().map(|nats| ("nats-server".to_owned(), &nats.process)))
    }
}
