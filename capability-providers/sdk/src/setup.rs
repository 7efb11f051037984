//! What a provider is built with, wherever it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use lattice_bus::Bus;
use lattice_core::ProviderName;
use lattice_telemetry::Tracer;

use crate::ActorInvoker;

/// Everything a provider gets when it starts. Providers take what they need and leave the rest.
#[derive(Clone)]
pub struct ProviderSetup {
    /// The name it goes by in the lattice.
    pub name: ProviderName,
    /// Its own configuration, as the user wrote it.
    pub config: BTreeMap<String, String>,
    /// How it calls actors.
    pub invoker: Arc<dyn ActorInvoker>,
    /// The lattice's own NATS connection, which the NATS providers use.
    pub bus: Bus,
    /// Where the spans go of what comes in through it.
    pub tracer: Tracer,
}

/// Says why a provider does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong; every mistake in it is named.
    #[error("the provider's configuration is wrong: {}", .0.join("; "))]
    Config(Vec<String>),
    /// Something that the provider needs cannot be had.
    #[error("{0}")]
    Unavailable(String),
}
