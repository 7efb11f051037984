//! How much memory does a host take when it does nothing, and how much more with each actor that does nothing?

use super::Bench;
use super::memory::settled_bytes;
use super::report::{Figure, Row, Target};
use crate::lattice::Lattice;
use anyhow::{Context, Result};

/// How many idle actors the cost of one is divided from.
const ACTORS: u32 = 50;
/// How many are started before that.
const WARM: u32 = 50;
/// What an idle host may take.
const BUDGET_BYTES: f64 = 40.0 * 1024.0 * 1024.0;

/// Measures both.
pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let mut lattice = Lattice::new(&bench.programs, &bench.environment, home.path());
    let record = lattice.up(&["--name", "bench"])?;
    let host = record["hosts"][0]["process"]["pid"]
        .as_u64()
        .context("`lattice up -o json` names no host process")?;
    let idle = settled_bytes(host)?;
    let component = bench.component("hello-http")?;
    // Links cost too, but an actor without one that drives it is what there is most of at an edge.
    lattice.run(&["start", "actor", "first", &component])?;
    let one = settled_bytes(host)?;
    let start = |from, to| {
        (from..to).try_for_each(|index| {
            lattice
                .run(&["start", "actor", &format!("idle-{index}"), &component])
                .map(drop)
        })
    };
    // What compiling left behind is used up by the first of the others.
    start(0, WARM)?;
    let some = settled_bytes(host)?;
    start(WARM, WARM + ACTORS)?;
    let many = settled_bytes(host)?;
    lattice.down()?;
    let row = |name: &str, bytes, target| Row {
        name: name.to_owned(),
        ours: Figure::Bytes(bytes),
        baseline: None,
        target,
    };
    Ok(vec![
        row("memory/host/idle", idle, Target::AtMost(Figure::Bytes(BUDGET_BYTES))),
        row("memory/actor/first", one - idle, Target::None),
        row("memory/actor/further", (many - some) / f64::from(ACTORS), Target::None),
    ])
}
