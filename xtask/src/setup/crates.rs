//! Builds programs from their crates.

use super::tool::Cargo;
use crate::shell;
use crate::workspace::{self, Workspace};
use anyhow::Result;
use std::path::PathBuf;
use std::time::Duration;

const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Installs a crate's program below `.tools`, and returns where it is.
pub(crate) fn install(workspace: &Workspace, name: &str, package: Cargo) -> Result<PathBuf> {
    let Cargo {
        package,
        version,
        features,
    } = package;
    shell::say(name, &format!("building {package} {version} (minutes, once)"));
    let root = workspace.tools.join("crates");
    let mut cargo = workspace::cargo();
    cargo
        .args(["install", package, "--version", version, "--locked", "--force"])
        .args(["--no-default-features", "--features", features])
        .arg("--root")
        .arg(&root)
        // Somewhere else than a target folder of ours: what it is built of is not needed again.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET")
        .current_dir(&workspace.tools);
    shell::run_quietly(
        &mut cargo,
        &workspace.logs().join(format!("cargo-{name}.log")),
        BUILD_LIMIT,
    )?;
    Ok(root.join("bin").join(name))
}
