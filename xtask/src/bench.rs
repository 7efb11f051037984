//! Measures, in a release build: every figure beside its baseline from the same run.
//!
//! What can be seen from outside (requests a second, memory) is measured here, against real processes; what happens within one
//! process (a call from actor to actor) is measured by the program `lattice-bench`.

mod http;
mod idle;
mod languages;
mod memory;
mod observe;
mod report;
mod server;
mod sink;
mod small;
mod wrk;

use crate::binaries::{self, Profile};
use crate::setup::{FOR_BENCH, FOR_DEMO, Setup};
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
    /// Takes programs of the dev profile: quick to build, for trying and not for judging
    #[arg(long)]
    dev: bool,
    /// The folder with `lattice` and `lattice-host`, instead of a build made now
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
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
    /// The same actor in each language.
    Languages,
    /// Traces: whether they are whole under load, and what they cost.
    Observe,
    /// The host with and without its compiler: size, and memory at rest against its budget. Only when it is named, since it
    /// builds hosts of its own.
    Small,
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
    let wanted = |group| args.only.is_empty() || args.only.contains(&group);
    // Alone it needs nothing to compare with.
    let only_languages = args.only == [Group::Languages];
    let tools = setup.tools(if only_languages { FOR_DEMO } else { FOR_BENCH })?;
    if !only_languages {
        guests::build(workspace, &setup, ACTORS)?;
    }
    if wanted(Group::Languages) {
        guests::build(workspace, &setup, languages::ACTORS)?;
    }
    drop(setup);
    let profile = match args.dev {
        true => Profile::Dev,
        false => Profile::Release,
    };
    let bench = Bench {
        programs: match &args.programs {
            Some(folder) => folder.clone(),
            None => binaries::build(workspace, profile)?,
        },
        components: workspace.components(),
        environment: tools.environment(workspace),
    };
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
    if args.only.contains(&Group::Small) {
        rows.extend(small::run(&bench, workspace, profile)?);
    }
    if wanted(Group::Languages) {
        languages::run(&bench)?;
    }
    if only_languages {
        return Ok(());
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
