//! The budget of small machines: what a host takes on disk and in memory, with its compiler and without.

use super::Bench;
use super::memory::settled_bytes;
use super::report::{Figure, Row, Target};
use crate::binaries::{self, HostKind, Profile};
use crate::lattice::Lattice;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::Path;

const MIB: f64 = 1024.0 * 1024.0;
/// What an idle host may take.
const IDLE_MIB: f64 = 40.0;
/// The same without a compiler.
const IDLE_SMALL_MIB: f64 = 20.0;
/// How many idle actors there are.
const ACTORS: u32 = 50;
/// What they may take together, whatever loading the first of them leaves behind included.
const ACTORS_MIB: f64 = 50.0;
/// What the programs may take on disk.
const DISK_MIB: f64 = 48.0;
const DISK_SMALL_MIB: f64 = 32.0;

/// Builds both hosts, and measures.
pub(super) fn run(bench: &Bench, workspace: &Workspace, profile: Profile) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    // The usual one last: it is what is left beside the other programs.
    for kind in [HostKind::WithoutCompiler, HostKind::WithCompiler] {
        let program = binaries::build_host(workspace, profile, kind)?;
        // What a dev build has on disk is mostly what helps to find mistakes.
        let judged = profile == Profile::Release;
        rows.extend(measure(bench, &program, kind, judged)?);
    }
    rows.push(row(
        "size/lattice".to_owned(),
        size(&bench.programs.join("lattice"))?,
        None,
    ));
    rows.push(row(
        "size/lattice-aot".to_owned(),
        size(&bench.programs.join("lattice-aot"))?,
        None,
    ));
    Ok(rows)
}

fn measure(bench: &Bench, program: &Path, kind: HostKind, size_is_judged: bool) -> Result<Vec<Row>> {
    let (name, idle_most, size_most) = match kind {
        HostKind::WithCompiler => ("host", IDLE_MIB, DISK_MIB),
        HostKind::WithoutCompiler => ("host-without-compiler", IDLE_SMALL_MIB, DISK_SMALL_MIB),
    };
    let home = tempfile::tempdir()?;
    let mut environment = bench.environment.clone();
    environment.push(("LATTICE_HOST_BIN", program.into()));
    let mut lattice = Lattice::new(&bench.programs, &environment, home.path());
    let record = lattice.up(&["--name", "small"])?;
    let host = record["hosts"][0]["process"]["pid"]
        .as_u64()
        .context("`lattice up -o json` names no host process")?;
    let idle = settled_bytes(host)?;
    let component = bench.component("hello-http")?;
    if kind == HostKind::WithoutCompiler {
        lattice.run(&["aot", &component, "--for", "small", "--store", "--timeout", "10m"])?;
    }
    for index in 0..ACTORS {
        lattice.run(&["start", "actor", &format!("idle-{index}"), &component])?;
    }
    let with_actors = settled_bytes(host)?;
    lattice.down()?;
    Ok(vec![
        row(
            format!("size/{name}"),
            size(program)?,
            size_is_judged.then_some(size_most),
        ),
        row(format!("memory/{name}/idle"), idle, Some(idle_most)),
        row(
            format!("memory/{name}/{ACTORS}-actors"),
            with_actors - idle,
            Some(ACTORS_MIB),
        ),
    ])
}

fn row(name: String, bytes: f64, most_mib: Option<f64>) -> Row {
    Row {
        name,
        ours: Figure::Bytes(bytes),
        baseline: None,
        target: most_mib.map_or(Target::None, |mib| Target::AtMost(Figure::Bytes(mib * MIB))),
    }
}

fn size(program: &Path) -> Result<f64> {
    let about = std::fs::metadata(program).with_context(|| format!("look at {}", program.display()))?;
    Ok(about.len() as f64)
}
