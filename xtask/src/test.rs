//! Runs every test, after seeing to everything a test needs.

use crate::setup::{FOR_TESTS, Setup, TESTS_LIKE, Tools};
use crate::workspace::{self, Workspace};
use crate::{chart, guests, shell};
use anyhow::Result;
use std::path::PathBuf;

/// What runs each test program, as a program may take minutes on a small machine but none takes a quarter of an hour.
const PROGRAM_LIMIT: &str = "timeout --verbose --kill-after=10 900";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose path contains this
    filter: Option<String>,
    /// Passed on to the test programs
    #[arg(last = true)]
    rest: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let (tools, python) = prepare(workspace)?;
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(&args.filter)
        // A test that hangs fails its program in the end, and with it the run, rather than holding it up for ever.
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", PROGRAM_LIMIT)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", PROGRAM_LIMIT);
    if !args.rest.is_empty() {
        cargo.arg("--").args(&args.rest);
    }
    cargo.envs(tools.environment(workspace));
    let tested = shell::run(&mut cargo);
    if args.filter.is_some() {
        return tested;
    }
    // One fails, the other is still of interest.
    let programs = workspace.target.join("debug");
    let checked = chart::check(workspace, &python, &tools, &programs, None);
    tested.and(checked)
}

/// Tools, a Python for the chart, components, and every program: a test may start a program of another package than its own, so cargo alone would
/// not see that it is needed.
fn prepare(workspace: &Workspace) -> Result<(Tools, PathBuf)> {
    let setup = Setup::open(workspace)?;
    let mut tools = setup.tools(FOR_TESTS)?;
    setup.tools_if_possible(TESTS_LIKE, &mut tools);
    let python = chart::python(workspace, &setup)?;
    guests::build(workspace, &setup, &[])?;
    drop(setup);
    let mut cargo = workspace::cargo();
    // All targets, not just programs: then cargo picks the features that the tests will ask for, and nothing is built twice.
    shell::run(
        cargo
            .current_dir(&workspace.root)
            .args(["build", "--workspace", "--all-targets"]),
    )?;
    Ok((tools, python))
}
