//! The state of a lattice in JetStream, as those write it who may: links, their config, trust, components.

mod apps;
mod artifacts;
mod confirm;
mod links;
mod trust;

use std::time::Duration;

use lattice_bus::{BucketConfig, StateError};
use lattice_core::{LatticeId, subject};

pub use apps::{AppAt, PutApp};
pub use artifacts::{
    ARTIFACT_BYTES_MAX, CODE_BYTES_MAX, SIGNATURES_BYTES_MAX, Upload, artifact_name, code_name, signatures_name,
};
pub use confirm::{Verdict, Verdicts};
pub(crate) use links::BEYOND_HONEST;
pub use links::{LinkDraft, LinkSigner, Signed, StoredLink};

use crate::error::{ControlError, ErrorKind};

/// Values kept of a link, so that `nats kv history` shows who changed what.
const LINK_HISTORY: u8 = 5;

/// Revisions kept of an application: the most that JetStream keeps.
const APP_HISTORY: u8 = 64;

/// How long it can be seen that a lease has ended.
const LEASE_MARKERS: Duration = Duration::from_secs(60);

/// The bucket with the lattice's links.
pub fn links_bucket(lattice: &LatticeId) -> BucketConfig {
    BucketConfig::new(subject::buckets(lattice).links)
        .description("links: signed grants")
        .history(LINK_HISTORY)
}

/// The bucket with the config of links, by digest.
pub fn config_bucket(lattice: &LatticeId) -> BucketConfig {
    BucketConfig::new(subject::buckets(lattice).config).description("config of links, by digest")
}

/// The bucket with the revisions of applications.
pub fn apps_bucket(lattice: &LatticeId) -> BucketConfig {
    BucketConfig::new(subject::buckets(lattice).apps)
        .description("revisions of applications: signed")
        .history(APP_HISTORY)
}

/// The bucket with leases, whose keys expire.
pub fn leases_bucket(lattice: &LatticeId) -> BucketConfig {
    BucketConfig::new(subject::buckets(lattice).leases)
        .description("who leads")
        .expiry_markers(LEASE_MARKERS)
}

/// The bucket with the trust bundle.
pub fn trust_bucket(lattice: &LatticeId) -> BucketConfig {
    BucketConfig::new(subject::buckets(lattice).trust)
        .description("the trust bundle")
        .history(LINK_HISTORY)
}

fn unreachable(error: &StateError) -> ControlError {
    let kind = if error.is_unavailable() {
        ErrorKind::Unreachable
    } else {
        ErrorKind::Internal
    };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    ControlError::new(kind, format!("the lattice's state cannot be reached: {message}"))
        .with_help("`lattice doctor` looks at NATS and JetStream")
}
