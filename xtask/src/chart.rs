//! Checks the Helm chart and the Dockerfile: Helm's own lint and rendering, Kubernetes' schemas, what no pod may lack; and starts what
//! is rendered, real hosts on a real NATS, on this machine.

use crate::binaries::{self, Profile};
use crate::setup::{FOR_DEMO, Setup, Tools};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests that match this, in pytest's notation (`-k`)
    filter: Option<String>,
    /// The folder with `lattice` and `lattice-host`, instead of building them
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// `cargo xtask chart`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let tools = setup.tools(FOR_DEMO)?;
    let python = python(workspace, &setup)?;
    drop(setup);
    let programs = match &args.programs {
        Some(folder) => std::path::absolute(folder)?,
        None => binaries::build(workspace, Profile::Dev)?,
    };
    check(workspace, &python, &tools, &programs, args.filter.as_deref())
}

/// A Python that has what the checks need.
pub(crate) fn python(workspace: &Workspace, setup: &Setup<'_>) -> Result<PathBuf> {
    setup.python_with("chart", &tests(workspace).join("requirements.txt"))
}

/// Runs the checks with programs that are built.
pub(crate) fn check(
    workspace: &Workspace,
    python: &Path,
    tools: &Tools,
    programs: &Path,
    filter: Option<&str>,
) -> Result<()> {
    let mut pytest = Command::new(python);
    // What Python and pytest would keep beside the tests is nobody's source.
    pytest
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--color=auto", "-q"])
        .arg(tests(workspace))
        .current_dir(&workspace.root)
        .envs(tools.environment(workspace))
        .env("LATTICE_BIN", programs.join("lattice"))
        .env("LATTICE_HOST_BIN", programs.join("lattice-host"));
    if let Some(filter) = filter {
        pytest.args(["-k", filter]);
    }
    shell::run(&mut pytest)
}

fn tests(workspace: &Workspace) -> PathBuf {
    workspace.root.join("charts/lattice/tests")
}
