//! What every capability provider is built from.
//!
//! A provider implements [`Provider`], reads its configuration with [`config`], and calls actors through the
//! [`ActorInvoker`] it is given. The same provider runs inside a host, or alone on the lattice with [`run`].

pub mod bindings;
pub mod broker;
pub mod buckets;
pub mod config;
pub mod invoker;
pub mod provider;
pub mod remote;
pub mod setup;
pub mod standalone;
#[cfg(feature = "testing")]
pub mod testing;

pub use invoker::ActorInvoker;
pub use lattice_capability as capability;
pub use lattice_telemetry as telemetry;
pub use provider::{Health, LinkBinding, LinkError, Provider, ShutdownReport};
pub use setup::{ProviderSetup, StartError};
pub use standalone::run;
