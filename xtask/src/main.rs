//! The project's own commands: `cargo xtask demo` and `cargo xtask test` are the only two a newcomer needs.
//!
//! Every command first sees to the tools it needs (`setup`), so that nothing has to be installed by hand on a machine this
//! knows, and says exactly what to install on one it does not.

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod bench;
mod binaries;
mod chart;
mod demo;
mod edge;
mod faults;
mod guests;
mod lattice;
mod lint;
mod machine;
mod package;
mod program;
mod setup;
mod shell;
mod test;
mod version;
mod workspace;

use workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Builds, tests and shows Lattice",
    disable_help_subcommand = true
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Deploy an application on four hosts, update it, kill and drain hosts under load, and show what happened
    Demo(demo::Args),
    /// Run every test; sets up and builds what they need first
    Test(test::Args),
    /// Measure, each figure beside its baseline
    Bench(bench::Args),
    /// Break things around stateful actors while they move, and judge what clients were told
    Faults(faults::Args),
    /// Cut a site off in a network namespace, kill one of its hosts meanwhile, and show what goes on inside and outside
    Edge(edge::Args),
    /// Find or install every tool that tests and demo need
    Setup(setup::Args),
    /// Build the actors into actors/target/components
    Guests(guests::Args),
    /// Build the programs `lattice` and `lattice-host`
    Build,
    /// Make Debian packages of host and command line, for this kind of machine or another, and check them
    Package(package::Args),
    /// Check the Helm chart and the Dockerfile, and start what the chart renders
    Chart(chart::Args),
    /// Check formatting and lints, warnings denied
    Lint,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A person reads this: the whole chain of causes, without our own stack.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    match &args.command {
        Command::Demo(args) => demo::run(&workspace, args),
        Command::Test(args) => test::run(&workspace, args),
        Command::Bench(args) => bench::run(&workspace, args),
        Command::Faults(args) => faults::run(&workspace, args),
        Command::Edge(args) => edge::run(&workspace, args),
        Command::Setup(args) => setup::run(&workspace, args),
        Command::Guests(args) => guests::run(&workspace, args),
        Command::Build => binaries::build(&workspace, binaries::Profile::Dev).map(|_| ()),
        Command::Package(args) => package::run(&workspace, args),
        Command::Chart(args) => chart::run(&workspace, args),
        Command::Lint => lint::run(&workspace),
    }
}
