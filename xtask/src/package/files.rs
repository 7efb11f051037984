//! What a package holds besides programs: units, settings, manual pages, completions.

use crate::shell;
use crate::workspace::{self, Workspace};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Puts them into a folder, as `deploy/debian/nfpm.yaml` names them.
pub(super) fn gather(workspace: &Workspace) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("a folder for what goes into the package")?;
    let to = folder.path();
    let (debian, systemd) = (
        workspace.root.join("deploy/debian"),
        workspace.root.join("deploy/systemd"),
    );
    for name in ["host.toml", "nats-leaf.conf", "lintian-overrides"] {
        copy(&debian.join(name), &to.join(name))?;
    }
    for name in ["lattice-host.service", "lattice-nats-leaf.service", "lattice.sysusers"] {
        copy(&systemd.join(name), &to.join(name))?;
    }
    for name in ["doc", "man1", "man8"] {
        fs::create_dir(to.join(name)).with_context(|| format!("create {name}"))?;
    }
    copy(&debian.join("copyright"), &to.join("doc/copyright"))?;
    copy(&systemd.join("no-jit.conf"), &to.join("doc/no-jit.conf"))?;
    let changelog = fs::read_to_string(debian.join("changelog")).context("read the changelog")?;
    let changelog = changelog
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@DATE@", &commit(workspace, "%cD")?);
    fs::write(to.join("doc/changelog.Debian"), changelog).context("write the changelog")?;
    copy(&debian.join("lattice-host.8"), &to.join("man8/lattice-host.8"))?;

    // The words are the same on every machine, so this one's program writes them.
    let lattice = command_line(workspace)?;
    shell::stdout_of(Command::new(&lattice).arg("man").arg("--out").arg(to.join("man1")))?;
    for (shell_name, file) in [("bash", "lattice.bash"), ("zsh", "_lattice"), ("fish", "lattice.fish")] {
        let script = shell::stdout_of(Command::new(&lattice).args(["completion", shell_name]))?;
        fs::write(to.join(file), script).with_context(|| format!("write {file}"))?;
    }
    let mut pages = vec![to.join("doc/changelog.Debian")];
    for man in ["man1", "man8"] {
        pages.extend(fs::read_dir(to.join(man))?.flatten().map(|page| page.path()));
    }
    // Without names and times, so that the same content makes the same package.
    shell::stdout_of(Command::new("gzip").args(["-9", "--no-name"]).args(pages))?;
    // As old as the commit, every one: nfpm keeps the time of what it finds in a folder.
    let at = format!("--date=@{}", commit(workspace, "%ct")?);
    shell::stdout_of(Command::new("find").arg(to).args(["-exec", "touch", &at, "{}", "+"]))?;
    Ok(folder)
}

/// What git says of the commit that is packaged.
pub(super) fn commit(workspace: &Workspace, form: &str) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root)
        .args(["log", "-1", &format!("--format={form}")]);
    Ok(shell::stdout_of(&mut git)?.trim().to_owned())
}

fn command_line(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--package", "lattice-cli", "--bin", "lattice"]);
    shell::run(&mut cargo)?;
    Ok(workspace.target.join("debug/lattice"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("copy {} to {}", from.display(), to.display()))
}
