//! What `lattice up` was asked for, checked.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use lattice_core::{EntityName, Labels, LatticeId};

use crate::home::{Home, LatticeHome};

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct UpPlan {
    /// Which lattice.
    pub(crate) lattice: LatticeId,
    /// Where contexts are kept.
    pub(crate) state: Home,
    /// Where the lattice is kept.
    pub(crate) home: LatticeHome,
    /// The context that will reach it.
    pub(crate) context: String,
    /// The hosts.
    pub(crate) hosts: Vec<HostPlan>,
    /// The address NATS listens on.
    pub(crate) listen: String,
    /// Its port; `None` takes a free one.
    pub(crate) port: Option<u16>,
    /// Where it takes leaf nodes, if it does.
    pub(crate) leafs: Option<SocketAddr>,
    /// Subjects that messaging providers on the hosts may use.
    pub(crate) messaging: Vec<String>,
    /// How long hosts may drain at the end.
    pub(crate) grace: Duration,
    /// Whether hosts send their spans to a back end on this machine, and show their metrics.
    pub(crate) observe: bool,
    /// What hosts log.
    pub(crate) log: Option<String>,
    /// The NATS server's program, if it was chosen.
    pub(crate) nats_server: Option<PathBuf>,
    /// The host's program, if it was chosen.
    pub(crate) host_program: Option<PathBuf>,
}

/// One host to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostPlan {
    /// What people call it.
    pub(crate) name: EntityName,
    /// Its labels.
    pub(crate) labels: Labels,
}
