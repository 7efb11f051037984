//! How a controller leads.

use std::{path::PathBuf, time::Duration};

use lattice_control::CommandSigner;
use lattice_telemetry::Tracer;

/// How a controller leads.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// Signs what it tells hosts, and the revisions with which it goes back: an issuer with the role `control`.
    pub signer: CommandSigner,
    /// Where this host remembers how far applications had come.
    pub folder: PathBuf,
    /// After how long without renewal another takes over. In a cluster of NATS servers that elects a new leader, whoever leads here may
    /// lose it; nothing is lost by that but a few seconds.
    pub lease: Duration,
    /// How long to listen to heartbeats before the first decision, and after an outage: as long as a host may be silent.
    pub listen: Duration,
    /// Where its spans go.
    pub tracer: Tracer,
}

impl ControllerSettings {
    /// After how long another takes over, unless somebody says otherwise.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(4);

    /// Leads with this key.
    pub fn new(signer: CommandSigner, folder: PathBuf) -> Self {
        Self {
            signer,
            folder,
            lease: Self::DEFAULT_LEASE,
            listen: Duration::from_millis(2500),
            tracer: Tracer::off(),
        }
    }
}
