//! Measures, in a release build: every figure beside its baseline from the same run.
//!
//! What can be seen from outside (requests a second, memory) is measured here, against real processes; what happens within one
//! process (a call from actor to actor) is measured by the program `lattice-bench`.

mod http;
mod idle;
mod observe;
mod report;
mod server;
mod sink;
mod wrk;

use crate::binaries::{self, Profile};
use crate::setup::{FOR_BENCH, Setup};
use crate::workspace::Workspace;
use crate::{guests, shell};
use anyhow::{Context, Result, ensure};
use report::Row;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// The actors that are measured.
const ACTORS: &[&str] = &[
    "cart",
    "hello-http",
    "ping",
    "pong",
    "test-keeper",
    "test-keyed-relay",
    "test-relay",
    "test-stateful",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these
    #[arg(value_enum)]
    only: Vec<Group>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// Calls between actors, starts: within one process.
    Calls,
    /// HTTP requests.
    Http,
    /// Memory.
    Idle,
    /// Applications: applying many actors, a thousand at rest, a takeover.
    Apps,
    /// Stateful actors: moves, lost hosts, calls, crowds. Takes long.
    Stateful,
    /// Traces: whether they are whole under load, and what they cost.
    Observe,
}

/// Everything a benchmark uses.
struct Bench {
    programs: PathBuf,
    components: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// `cargo xtask bench`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let tools = setup.tools(FOR_BENCH)?;
    guests::build(workspace, &setup, &tools, ACTORS)?;
    drop(setup);
    let bench = Bench {
        programs: binaries::build(workspace, Profile::Release)?,
        components: workspace.components(),
        environment: tools.environment(workspace),
    };
    let wanted = |group| args.only.is_empty() || args.only.contains(&group);
    let mut rows = Vec::new();
    if wanted(Group::Calls) {
        rows.extend(bench.within(&["colocated", "remote", "start"])?);
    }
    if wanted(Group::Http) {
        rows.extend(http::run(&bench)?);
    }
    if wanted(Group::Idle) {
        rows.extend(idle::run(&bench)?);
    }
    if wanted(Group::Apps) {
        rows.extend(bench.within(&["apps"])?);
    }
    if wanted(Group::Stateful) {
        rows.extend(bench.within(&["stateful"])?);
    }
    if wanted(Group::Observe) {
        rows.extend(bench.within(&["traces"])?);
        rows.extend(observe::run(&bench)?);
    }
    report::print(&rows);
    let broken = rows.iter().filter(|row| row.holds() == Some(false)).count();
    ensure!(broken == 0, "{broken} of {} figures miss their target", rows.len());
    Ok(())
}

impl Bench {
    /// What `lattice-bench` measures: a JSON line for each row.
    fn within(&self, groups: &[&str]) -> Result<Vec<Row>> {
        let mut program = Command::new(self.programs.join("lattice-bench"));
        program
            .args(groups)
            .envs(self.environment.iter().cloned())
            .env("LATTICE_COMPONENTS_DIR", &self.components);
        let lines = shell::stdout_of(&mut program)?;
        lines
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("cannot read {line:?}")))
            .collect()
    }

    fn component(&self, name: &str) -> Result<String> {
        let path = self.components.join(format!("{name}.wasm"));
        path.into_os_string()
            .into_string()
            .ok()
            .context("the components' path is not Unicode")
    }

    /// A tool by the variable that names it, else by its name.
    fn tool(&self, variable: &str, name: &str) -> PathBuf {
        let named = self.environment.iter().find(|(key, _)| *key == variable);
        named.map_or_else(|| PathBuf::from(name), |(_, path)| PathBuf::from(path))
    }
}
