//! What do stateful actors cost? Each figure stands beside what it is made of: a JetStream compare-and-swap write with three copies, and a
//! NATS request, on the same cluster in the same run.
//!
//! The servers of the cluster write to disk before they answer, which most of the figures consist of.

mod cluster;
mod crowd;
mod failover;
mod figures;
mod keyed;
mod moves;
mod scale;

use anyhow::Result;

use scale::Scale;

/// Measures the parts that are wanted.
pub(crate) async fn run(wanted: impl Fn(&str) -> bool) -> Result<()> {
    let scale = Scale::chosen();
    if wanted("moves") {
        moves::run(&scale).await?;
    }
    if wanted("failover") {
        failover::run(&scale).await?;
    }
    if wanted("keyed") {
        keyed::run(&scale).await?;
    }
    if wanted("crowd") {
        crowd::run(&scale).await?;
    }
    Ok(())
}
