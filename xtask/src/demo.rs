//! Shows the lattice at work on this machine.
//!
//! `run` sees to everything the show needs; the show itself is a scenario of its own, of manifests in `xtask/demo`.

mod field;
mod load;
mod report;
mod scenario;
mod shop;

use crate::binaries::{self, Profile};
use crate::guests;
use crate::setup::{FOR_DEMO, Setup};
use crate::workspace::Workspace;
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// The actors that take part.
const ACTORS: &[&str] = &["cart", "counter", "hello-http", "hello-http-p3", "ping", "pong"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Stay up at the end, and say what to try
    #[arg(long)]
    keep: bool,
}

/// Everything the scenario uses.
#[derive(Debug)]
struct Stage {
    /// The folder with `lattice` and `lattice-host`.
    programs: PathBuf,
    /// The folder with the manifests, which find the components by themselves.
    manifests: PathBuf,
    /// What to add to the environment of every program: where nats-server is, and a `PATH` with `.tools/bin`.
    environment: Vec<(&'static str, std::ffi::OsString)>,
}

/// `cargo xtask demo`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let tools = setup.tools(FOR_DEMO)?;
    guests::build(workspace, &setup, &tools, ACTORS)?;
    drop(setup);
    let stage = Stage {
        programs: binaries::build(workspace, Profile::Dev)?,
        manifests: workspace.root.join("xtask/demo"),
        environment: tools.environment(workspace),
    };
    let home = tempfile::Builder::new().prefix("lattice-demo-").tempdir()?;
    let report = scenario::play(stage, home.path(), args.keep)?;
    println!("\n{report}");
    if args.keep {
        // The lattice lives on in there.
        drop(home.keep());
    }
    ensure!(
        report.failed() == 0,
        "{} requests failed that should not have",
        report.failed()
    );
    Ok(())
}
