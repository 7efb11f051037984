//! Builds the host programs.

use crate::shell;
use crate::workspace::{self, Workspace};
use anyhow::Result;
use std::path::PathBuf;

/// How to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build: for demo and tests.
    Dev,
    /// Quick to run: for benchmarks.
    Release,
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
    Ok(workspace.target.join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    }))
}
