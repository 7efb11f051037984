//! The state of a lattice on its NATS: the buckets that hosts may read and must not make.

use anyhow::Result;
use lattice_bus::Bus;
use lattice_control::{ControlClient, apps_bucket, config_bucket, leases_bucket, links_bucket, trust_bucket};
use lattice_core::{LatticeId, subject};

/// Creates what is missing of the lattice's state.
pub(crate) async fn create(bus: Bus, lattice: &LatticeId) -> Result<ControlClient> {
    for bucket in [trust_bucket, links_bucket, config_bucket, apps_bucket, leases_bucket] {
        bus.bucket(bucket(lattice)).await?;
    }
    bus.objects(&subject::buckets(lattice).artifacts).await?;
    Ok(ControlClient::new(bus, lattice.clone()))
}
