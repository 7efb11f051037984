//! Builds the host programs.

use crate::shell;
use crate::workspace::{self, Workspace};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// How to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build: for demo and tests.
    Dev,
    /// Quick to run: for benchmarks.
    Release,
}

/// Which host to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostKind {
    /// The usual one.
    WithCompiler,
    /// One for small machines, which runs what was compiled elsewhere.
    WithoutCompiler,
}

/// Builds a host by itself, as it is packaged, and gives back a copy of the program: every build leaves its own in the same place.
///
/// Built with all the others, as [`build`] does, it has what any of them wants of a library they share: for instance the compiler
/// for every machine, which only `lattice-aot` is for.
pub(crate) fn build_host(workspace: &Workspace, profile: Profile, kind: HostKind) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["build", "-p", "lattice-hostd"]);
    let (folder, name) = match kind {
        HostKind::WithCompiler => ("hosts/with-compiler", "with"),
        HostKind::WithoutCompiler => ("hosts/without-compiler", "without"),
    };
    println!("building the host {name} a compiler");
    if kind == HostKind::WithoutCompiler {
        cargo.arg("--no-default-features");
    }
    let built = profile.folder(workspace);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)?;
    let folder = built.join(folder);
    let program = folder.join("lattice-host");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    std::fs::copy(built.join("lattice-host"), &program).with_context(|| format!("copy {}", program.display()))?;
    Ok(program)
}

/// Builds every program and gives back the folder they are in.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--workspace", "--bins"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)?;
    Ok(profile.folder(workspace))
}

impl Profile {
    /// Where cargo puts what it builds so.
    fn folder(self, workspace: &Workspace) -> PathBuf {
        workspace.target.join(match self {
            Self::Dev => "debug",
            Self::Release => "release",
        })
    }
}
