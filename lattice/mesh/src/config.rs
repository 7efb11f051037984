//! What it takes to join.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lattice_core::{Labels, LatticeId, OperatorId, SiteName};
use lattice_telemetry::{Instruments, Tracer};
use nkeys::KeyPair;

/// Often enough that a lost member is noticed within seconds, seldom enough that a thousand members are a few hundred messages a second.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(2);
/// Two heartbeats and a half: one may be lost.
pub const DEFAULT_LOST_AFTER: Duration = Duration::from_secs(5);

/// Who joins which lattice, and how it behaves there.
pub struct MemberConfig {
    /// Which lattice.
    pub lattice: LatticeId,
    /// The member's key, `N…` for a host or `V…` for a stand-alone provider, with its seed.
    pub key: KeyPair,
    /// The token that makes the key a member.
    pub token: String,
    /// Whose trust bundles are believed.
    pub trusted_operators: Vec<OperatorId>,
    /// A trust bundle for the first start; later ones come over the lattice. An older one than is on disk is ignored.
    pub bundle: Option<String>,
    /// Where this member keeps what must survive a restart. For this member alone.
    pub data_dir: PathBuf,
    /// What people call it.
    pub name: String,
    /// The version of the program, for people.
    pub version: String,
    /// Labels as the member states them. Only `arch` and `os` count without the token granting them.
    pub labels: Labels,
    /// The site it is at, if it is at one.
    pub site: Option<SiteName>,
    /// How often it says that it is there.
    pub heartbeat: Duration,
    /// After how long a silence it takes others for lost. A value below two heartbeats makes members come and go.
    pub lost_after: Duration,
    /// What it takes on at a time.
    pub capacity: Capacity,
    /// Where the spans of its calls go.
    pub tracer: Tracer,
    /// What counts them.
    pub instruments: Instruments,
}

/// What a member takes on at a time, over everything it runs. Beyond that calls are refused as overloaded, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Calls from other members.
    pub calls: usize,
    /// Bytes of their messages. Streamed bodies count for what their windows hold, a mebibyte each at most, besides.
    pub bytes: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            calls: 16 * 1024,
            bytes: 256 * 1024 * 1024,
        }
    }
}

impl MemberConfig {
    /// A member with the usual manners and no labels.
    pub fn new(lattice: LatticeId, key: KeyPair, token: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            lattice,
            name: key.public_key(),
            key,
            token: token.into(),
            trusted_operators: Vec::new(),
            bundle: None,
            data_dir: data_dir.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: Labels::default(),
            site: None,
            heartbeat: DEFAULT_HEARTBEAT,
            lost_after: DEFAULT_LOST_AFTER,
            capacity: Capacity::default(),
            tracer: Tracer::off(),
            instruments: Instruments::off(),
        }
    }
}

impl fmt::Debug for MemberConfig {
    /// Leaves out the key and the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberConfig")
            .field("lattice", &self.lattice)
            .field("key", &self.key.public_key())
            .field("name", &self.name)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}
