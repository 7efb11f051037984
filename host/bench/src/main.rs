//! What calls between actors cost, each figure beside its baseline from the same run.
//!
//! Prints one JSON object a line, in the form that `cargo xtask bench` makes a table of: `name`, `ours`, `baseline` (its name
//! and figure) and `target`. Rounds alternate between the two sides, so that a noisy neighbour hits both.
//!
//! With arguments (`colocated`, `remote`, `start`, `apps`, `stateful` or a part of that: `moves`, `failover`, `keyed`, `crowd`) it measures
//! only those. With `LATTICE_BENCH_QUICK=1` the stateful ones take a minute and say less. With `RUST_LOG` set, everything that runs logs.

mod apps;
mod bare;
mod colocated;
mod lattice;
mod remote;
mod start;
mod stateful;
mod traces;

use anyhow::Result;
use serde_json::{Value, json};

/// As in the host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        lattice_process::start_log(lattice_process::LogFormat::Text, &filter)?;
    }
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    if wanted("colocated") {
        colocated::run().await?;
    }
    if wanted("remote") {
        remote::run().await?;
    }
    if wanted("start") {
        start::run().await?;
    }
    if wanted("apps") {
        apps::run().await?;
    }
    if wanted("traces") {
        traces::run().await?;
    }
    stateful::run(|part| wanted("stateful") || wanted(part)).await?;
    Ok(())
}

/// Prints one row.
fn row(name: &str, ours: &Value, baseline: Option<&(&str, Value)>, target: &Value) {
    println!(
        "{}",
        json!({ "name": name, "ours": ours, "baseline": baseline, "target": target })
    );
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
