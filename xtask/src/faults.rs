//! Breaks things around stateful actors while they move, and judges what clients were told.

use crate::binaries::{self, Profile};
use crate::setup::{FOR_DEMO, Setup};
use crate::workspace::{self, Workspace};
use crate::{guests, shell};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The actors that take part.
const ACTORS: &[&str] = &["bank", "cart", "ledger"];
const HOST: &str = "lattice-host";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Decides every moment; a new one if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds for each fault and moment; without the fence at most so many in all
    #[arg(long)]
    rounds: Option<usize>,
    /// Only these faults, such as `kill-source`
    #[arg(long)]
    fault: Vec<String>,
    /// Only at these moments of a move, such as `before`, `commit`, `anytime`
    #[arg(long)]
    at: Vec<String>,
    /// Take the fence away that keeps two owners apart, and fail unless that is noticed
    #[arg(long)]
    no_fence: bool,
}

/// `cargo xtask faults`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let tools = setup.tools(FOR_DEMO)?;
    guests::build(workspace, &setup, ACTORS)?;
    drop(setup);
    let host = fragile(workspace)?;
    let programs = binaries::build(workspace, Profile::Dev)?;
    let mut matrix = Command::new(programs.join("lattice-faults"));
    matrix.arg("--host").arg(host).envs(tools.environment(workspace));
    if let Some(seed) = args.seed {
        matrix.args(["--seed", &seed.to_string()]);
    }
    if let Some(rounds) = args.rounds {
        matrix.args(["--rounds", &rounds.to_string()]);
    }
    for fault in &args.fault {
        matrix.args(["--fault", fault]);
    }
    for moment in &args.at {
        matrix.args(["--at", moment]);
    }
    if args.no_fence {
        matrix.arg("--no-fence");
    }
    shell::run(&mut matrix)
}

/// Builds the host that can be held within a move and do without the fence, and puts it aside: nothing else shall ever start it.
fn fragile(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    // Of the whole workspace, so that cargo picks the features it always does and builds little anew.
    cargo.current_dir(&workspace.root).args([
        "build",
        "--workspace",
        "--bin",
        HOST,
        "--features",
        "lattice-hostd/sabotage",
    ]);
    shell::run(&mut cargo)?;
    let (built, folder) = (workspace.target.join("debug"), workspace.target.join("debug/sabotaged"));
    let aside = folder.join(HOST);
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    copy(&built.join(HOST), &aside)?;
    Ok(aside)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // One that is being run cannot be written to, but it can be replaced.
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
