//! How many hello requests a second does a host answer, beside `wasmtime serve` with the same component in the same mode?
//!
//! Rounds alternate between the two, and the medians are compared, so that a noisy neighbour hits both.

use super::report::{Figure, Row, Target};
use super::server::{Server, free_address};
use super::{Bench, wrk};
use crate::lattice::Lattice;
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;

/// What wrk keeps open.
const CONNECTIONS: u32 = 64;
/// How long one round takes, in seconds.
const ROUND: u32 = 4;
/// How many rounds each side gets.
const ROUNDS: usize = 5;
/// How many requests one instance serves where instances are reused.
const REUSE: &str = "1000";

/// Measures both modes.
pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let mut lattice = Lattice::new(&bench.programs, &bench.environment, home.path());
    lattice.up(&["--name", "bench"])?;
    let address = free_address()?;
    let listen = format!("address={address}");
    lattice.run(&["start", "provider", "http", "http-server", "--config", &listen])?;
    let component = bench.component("hello-http")?;
    let mut rows = Vec::new();
    for (mode, reuse, baseline) in [("fresh", "fresh", None), ("reused", REUSE, Some(REUSE))] {
        let path = format!("path=/{mode}");
        lattice.run(&[
            "link",
            "put",
            "provider/http",
            "wasi:http",
            &format!("actor/{mode}"),
            "--label",
            mode,
            "--config",
            &path,
        ])?;
        lattice.run(&["start", "actor", mode, &component, "--reuse", reuse])?;
        let theirs = Server::start(|address| {
            wasmtime_serve(
                &bench.tool("LATTICE_WASMTIME", "wasmtime"),
                address,
                &component,
                baseline,
            )
        })?;
        let (ours, theirs) = compare(
            &format!("http://{address}/{mode}"),
            &format!("http://{}/{mode}", theirs.address),
        )?;
        rows.push(Row {
            name: format!("http/hello/{mode}"),
            ours: Figure::PerSecond(ours),
            baseline: Some(("wasmtime serve".to_owned(), Figure::PerSecond(theirs))),
            target: Target::RatioAtLeast(1.0),
        });
    }
    lattice.down()?;
    Ok(rows)
}

fn wasmtime_serve(program: &Path, address: std::net::SocketAddr, component: &str, reuse: Option<&str>) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "-Scli", "--addr", &address.to_string()]);
    if let Some(count) = reuse {
        command.args(["--max-instance-reuse-count", count]);
    }
    command.arg(component);
    command
}

/// The medians of both, measured in turns.
fn compare(ours: &str, theirs: &str) -> Result<(f64, f64)> {
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (url, rates) in [ours, theirs].into_iter().zip(&mut rates) {
            let measured = wrk::run(url, CONNECTIONS, ROUND)?;
            ensure!(measured.failed == 0, "{} requests to {url} failed", measured.failed);
            // The first round warms both up.
            if round > 0 {
                rates.push(measured.per_second);
            }
        }
    }
    let [ours, theirs] = rates.map(median);
    Ok((ours, theirs))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
