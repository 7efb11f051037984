//! Programs of another kind of machine, run on this one.

use super::architecture::Architecture;
use crate::machine::{Apt, Machine};
use crate::workspace::Workspace;
use crate::{setup, shell};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// An emulated machine is ten times as slow, and may share this one.
const PATIENCE: Duration = Duration::from_secs(180);

/// How programs of the package are run here.
pub(super) struct Emulator {
    /// None where this machine is of that kind.
    program: Option<String>,
    libraries: PathBuf,
    pub(super) root: PathBuf,
}

/// A process, killed when it is dropped.
pub(super) struct Running(pub(super) Child);

impl Emulator {
    pub(super) fn new(workspace: &Workspace, architecture: Architecture, root: &Path) -> Result<Self> {
        let libraries = PathBuf::from("/usr").join(architecture.gnu());
        let program = architecture.emulator();
        let mut emulator = Self {
            program: None,
            libraries,
            root: root.to_owned(),
        };
        if architecture.is_native() {
            return Ok(emulator);
        }
        let machine = Machine::look();
        if shell::on_path(program, &machine.path).is_empty() {
            if machine.apt != Apt::Usable {
                bail!("{program} is not here: `apt-get install qemu-user-static`");
            }
            setup::install_packages(workspace, &["qemu-user-static"])?;
        }
        emulator.program = Some(program.to_owned());
        Ok(emulator)
    }

    /// Whether anything is emulated.
    pub(super) fn is_used(&self) -> bool {
        self.program.is_some()
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        match &self.program {
            None => Command::new(program),
            Some(emulator) => {
                let mut command = Command::new(emulator);
                command.arg("-L").arg(&self.libraries);
                // A machine that has that architecture's libraries installed too would mix the two, and loader and C library
                // have to be of one make: a program hangs at its first thread otherwise.
                let libraries = self.libraries.join("lib");
                command
                    .arg("-E")
                    .arg(format!("LD_LIBRARY_PATH={}", libraries.display()));
                command.arg(program);
                command
            }
        }
    }

    /// Starts a program of the package.
    pub(super) fn start(&self, name: &str, with: impl FnOnce(&mut Command) -> Result<&mut Command>) -> Result<Running> {
        let mut command = self.command(&self.root.join("usr/bin").join(name));
        for (variable, _) in std::env::vars_os() {
            // What is meant for this machine's programs is not meant for that one's.
            if variable.to_string_lossy().starts_with("LATTICE_") {
                command.env_remove(variable);
            }
        }
        let child = with(&mut command)?.spawn();
        Ok(Running(child.with_context(|| format!("start {name}"))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a value, as long as the process lives.
pub(super) fn wait<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>, process: &mut Running) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if let Some(status) = process.0.try_wait()? {
            bail!("waiting until {what}: the process ended with {status}");
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "waiting until {what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
