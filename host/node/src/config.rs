//! What a node needs to know before it starts.

use std::path::PathBuf;
use std::time::Duration;

use lattice_controller::ControllerSettings;
use lattice_core::{Labels, LatticeId, OperatorId, SiteName};
use lattice_engine::{EngineConfig, Machine};
use lattice_oci::Registries;
use lattice_telemetry::{Instruments, Recent, Tracer};
use nkeys::KeyPair;

/// A host's settings, all of them checked by whoever read them.
pub struct NodeConfig {
    /// The lattice to join.
    pub lattice: LatticeId,
    /// The host's key (`N…`), with its seed.
    pub key: KeyPair,
    /// The token that enrolled it.
    pub token: String,
    /// Operators whose trust bundles count.
    pub trusted_operators: Vec<OperatorId>,
    /// A trust bundle for the first start, before any was seen on the lattice.
    pub bundle: Option<String>,
    /// Where the host keeps what must survive: link generations, components, compiled code.
    pub data_dir: PathBuf,
    /// What the host says of its machine. For placement, only `arch`, `compile`, `os` and what the token grants count.
    pub labels: Labels,
    /// The site it is at: behind a link that may be cut, with a JetStream domain of its own, in which the records of actors bound to it are.
    pub site: Option<SiteName>,
    /// What people call it.
    pub name: String,
    /// How often it says that it is alive.
    pub heartbeat: Duration,
    /// After how long without a word it takes another member for lost.
    pub lost_after: Duration,
    /// How long work in flight may take to finish when an actor is replaced by another component.
    pub grace: Duration,
    /// How components are compiled and run.
    pub engine: EngineConfig,
    /// The most replicas, over all actors, that may be placed here. None: no limit.
    pub replicas_max: Option<u32>,
    /// The most linear memory, in bytes, of stateful actors that are awake here. Beyond it those longest idle are put to rest.
    pub stateful_memory_max: u64,
    /// The folder with the secrets of actors, one file each.
    pub secrets: PathBuf,
    /// Where its spans go.
    pub tracer: Tracer,
    /// What counts and times what it does.
    pub instruments: Instruments,
    /// Its spans of the last while, for whoever asks.
    pub recent: Recent,
    /// How this host's controller leads, if it may.
    pub controller: Option<ControllerSettings>,
    /// How it speaks to registries, which it asks for components that neither its disk nor the lattice has. None: not at all.
    pub registries: Option<Registries>,
    /// How many components it keeps on disk.
    pub blobs: BlobLimits,
}

/// Bounds for the components on a host's disk. What runs, or is to run again after a restart, is kept beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLimits {
    /// The most bytes they may take.
    pub bytes_max: u64,
    /// The longest that one is kept which nothing needs.
    pub age_max: Duration,
}

impl Default for BlobLimits {
    /// Some hundreds of components, for as long as somebody may want to go back to one.
    fn default() -> Self {
        Self {
            bytes_max: 2 << 30,
            age_max: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl NodeConfig {
    /// What stateful actors may have of this machine's memory unless somebody says otherwise, in bytes: half of what it has.
    pub fn default_stateful_memory() -> u64 {
        (Machine::probe().memory_bytes / 2).max(64 << 20)
    }

    pub(crate) fn blobs_folder(&self) -> PathBuf {
        self.data_dir.join("blobs")
    }

    pub(crate) fn statements(&self) -> PathBuf {
        self.data_dir.join("aot")
    }
}
