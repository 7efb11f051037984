//! How many hello requests a second does a host answer, beside `wasmtime serve` with the same component in the same mode, and
//! beside `wash dev`?
//!
//! Rounds alternate between them, and the medians are compared, so that a noisy neighbour hits both.

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
    let wash = wash_dev(&bench.tool("LATTICE_WASH", "wash"), home.path(), &component)?;
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
        let wasmtime = wasmtime_serve(&bench.tool("LATTICE_WASMTIME", "wasmtime"), &component, baseline)?;
        let [ours, serve, dev] =
            compare(&[address, wasmtime.address, wash.address].map(|server| format!("http://{server}/{mode}")))?;
        let row = |baseline: &str, theirs, target| Row {
            name: format!("http/hello/{mode}"),
            ours: Figure::PerSecond(ours),
            baseline: Some((baseline.to_owned(), Figure::PerSecond(theirs))),
            target,
        };
        rows.push(row("wasmtime serve", serve, Target::RatioAtLeast(1.0)));
        rows.push(row("wash dev", dev, Target::None));
    }
    lattice.down()?;
    Ok(rows)
}

fn wasmtime_serve(program: &Path, component: &str, reuse: Option<&str>) -> Result<Server> {
    Server::start(|address| {
        let mut command = Command::new(program);
        command.args(["serve", "-Scli", "--addr", &address.to_string()]);
        if let Some(count) = reuse {
            command.args(["--max-instance-reuse-count", count]);
        }
        command.arg(component);
        Ok(command)
    })
}

/// `wash dev` in a project that has its component already. How it reuses instances is its own affair: it has one mode.
fn wash_dev(program: &Path, home: &Path, component: &str) -> Result<Server> {
    let project = home.join("wash-project");
    Server::start(|address| {
        let settings = serde_json::json!({
            "build": { "command": "true", "component_path": component },
            "dev": { "address": address },
        });
        std::fs::create_dir_all(project.join(".wash"))?;
        // JSON is YAML.
        std::fs::write(project.join(".wash/config.yaml"), settings.to_string())?;
        let mut command = Command::new(program);
        command.current_dir(&project).args(["dev", "--non-interactive"]);
        Ok(command)
    })
}

/// The medians of each, measured in turns.
pub(super) fn compare<const N: usize>(urls: &[String; N]) -> Result<[f64; N]> {
    let mut rates = urls.each_ref().map(|_| Vec::new());
    for round in 0..=ROUNDS {
        for (url, rates) in urls.iter().zip(&mut rates) {
            let measured = wrk::run(url, CONNECTIONS, ROUND)?;
            ensure!(measured.failed == 0, "{} requests to {url} failed", measured.failed);
            // The first round warms all up.
            if round > 0 {
                rates.push(measured.per_second);
            }
        }
    }
    Ok(rates.map(median))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
