//! A site that is cut off, in network namespaces of this machine: it goes on, one of its hosts is killed and starts again meanwhile, and
//! nothing is disturbed when the way is open again.

mod intruder;
mod load;
mod namespaces;
mod report;
mod scenario;
mod site;

use crate::binaries::{self, Profile};
use crate::guests;
use crate::setup::{FOR_DEMO, Setup};
use crate::workspace::Workspace;
use anyhow::{Result, ensure};
use std::path::PathBuf;
use std::time::Duration;

/// The actors that take part.
const ACTORS: &[&str] = &["cart", "counter", "hello-http"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For how many seconds the site is cut off
    #[arg(long, default_value = "60")]
    cut: u64,
    /// Take the programs from this folder instead of building them
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Send requests to these addresses, and count; for this command itself, which runs so in a namespace
    #[arg(long, hide = true)]
    load: Vec<String>,
}

/// Everything the scenario uses.
#[derive(Debug)]
struct Stage {
    /// The folder with `lattice` and `lattice-host`.
    programs: PathBuf,
    /// The manifest, which finds the components by itself.
    manifest: PathBuf,
    /// What to add to the environment of every program.
    environment: Vec<(&'static str, std::ffi::OsString)>,
    /// For how long the site is cut off.
    cut: Duration,
}

/// `cargo xtask edge`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !args.load.is_empty() {
        return load::serve(&args.load);
    }
    namespaces::check()?;
    let setup = Setup::open(workspace)?;
    let tools = setup.tools(FOR_DEMO)?;
    let programs = match &args.programs {
        Some(folder) => std::path::absolute(folder)?,
        None => {
            guests::build(workspace, &setup, ACTORS)?;
            binaries::build(workspace, Profile::Dev)?
        }
    };
    drop(setup);
    let stage = Stage {
        programs,
        manifest: workspace.root.join("xtask/edge/edge.yaml"),
        environment: tools.environment(workspace),
        cut: Duration::from_secs(args.cut),
    };
    let home = tempfile::Builder::new().prefix("lattice-edge-").tempdir()?;
    let report = scenario::play(&stage, home.path())?;
    println!("\n{report}");
    let wrong = report.wrong();
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}
