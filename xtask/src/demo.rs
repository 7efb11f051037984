//! Shows the lattice at work on this machine.
//!
//! `run` sees to everything the show needs; the show itself is a scenario of its own, of manifests in `xtask/demo`.

mod field;
mod load;
mod lonely;
mod report;
mod scenario;
mod shop;
mod watch;

use crate::binaries::{self, Profile};
use crate::guests;
use crate::setup::{DEMO_LIKES, FOR_DEMO, Setup, Tools};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Result, ensure};
use std::ffi::OsString;
use std::path::PathBuf;
use watch::{Watch, Watchers};

/// The actors that take part.
const ACTORS: &[&str] = &["cart", "counter", "hello-http", "hello-http-p3", "ping", "pong"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Stay up at the end, and say what to try
    #[arg(long)]
    keep: bool,
    /// Show it to nobody, even where Jaeger, Prometheus and Chromium are
    #[arg(long)]
    unwatched: bool,
    /// Run `lattice` and `lattice-host` from this folder, instead of building them
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// Everything the scenario uses.
#[derive(Debug)]
struct Stage {
    /// The folder with `lattice` and `lattice-host`.
    programs: PathBuf,
    /// The folder with the manifests, which find the components by themselves.
    manifests: PathBuf,
    /// The folder with the components.
    components: PathBuf,
    /// What to add to the environment of every program: where nats-server is, and a `PATH` with `.tools/bin`.
    environment: Vec<(&'static str, OsString)>,
    /// What tells hosts where to send their spans, if anywhere.
    telemetry: Vec<(&'static str, OsString)>,
}

/// `cargo xtask demo`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let mut tools = setup.tools(FOR_DEMO)?;
    if !args.unwatched {
        setup.tools_if_there(DEMO_LIKES, &mut tools);
    }
    guests::build(workspace, &setup, ACTORS)?;
    drop(setup);
    let programs = match &args.programs {
        Some(folder) => std::path::absolute(folder)?,
        None => binaries::build(workspace, Profile::Dev)?,
    };
    let home = tempfile::Builder::new().prefix("lattice-demo-").tempdir()?;
    let watchers = watchers(args, &tools);
    let mut watch = Watch::start(watchers, workspace, home.path())?;
    let stage = Stage {
        programs,
        manifests: workspace.root.join("xtask/demo"),
        components: workspace.components(),
        environment: tools.environment(workspace),
        telemetry: watch.environment(),
    };
    let report = scenario::play(stage, home.path(), &mut watch, args.keep)?;
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

/// Those who are to watch. Who would and is not here is told.
fn watchers(args: &Args, tools: &Tools) -> Watchers {
    if args.unwatched {
        return Watchers::default();
    }
    let watchers = Watchers::among(tools);
    let missing = watchers.missing();
    if !missing.is_empty() {
        let why = format!(
            "{} would watch, and is not here: `cargo xtask setup` gets it",
            missing.join(", ")
        );
        shell::say("demo", &why);
    }
    watchers
}
