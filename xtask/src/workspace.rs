//! Where everything is.

use crate::shell;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of this checkout, all absolute.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// The checkout itself.
    pub(crate) root: PathBuf,
    /// Tools that `setup` installed: `.tools`, or `LATTICE_TOOLS_DIR`.
    pub(crate) tools: PathBuf,
    /// What cargo builds for this machine: `target`, `CARGO_TARGET_DIR`, or what cargo's configuration says.
    pub(crate) target: PathBuf,
    /// What cargo builds for guests: `actors/target`, or `LATTICE_ACTORS_TARGET_DIR`.
    pub(crate) actors_target: PathBuf,
}

impl Workspace {
    /// Finds the checkout this program was started from.
    pub(crate) fn locate() -> Result<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            workspace_root: PathBuf,
            target_directory: PathBuf,
        }
        let mut cargo = cargo();
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--quiet"]);
        // Set by `cargo run`; a checkout that shares its target folder with another one is told apart by it.
        if let Some(manifest_dir) = std::env::var_os("CARGO_MANIFEST_DIR") {
            cargo.current_dir(manifest_dir);
        }
        let text = shell::stdout_of(&mut cargo).context("ask cargo where the workspace is")?;
        let metadata: Metadata = serde_json::from_str(&text).context("read cargo's answer")?;
        let root = metadata.workspace_root;
        Ok(Self {
            tools: folder_from_env("LATTICE_TOOLS_DIR")?.unwrap_or_else(|| root.join(".tools")),
            actors_target: folder_from_env("LATTICE_ACTORS_TARGET_DIR")?.unwrap_or_else(|| root.join("actors/target")),
            target: metadata.target_directory,
            root,
        })
    }

    /// Links to, or wrappers around, every tool that `setup` found or installed.
    pub(crate) fn tools_bin(&self) -> PathBuf {
        self.tools.join("bin")
    }

    /// What the installers printed.
    pub(crate) fn logs(&self) -> PathBuf {
        self.tools.join("logs")
    }

    /// The guests' own workspace.
    pub(crate) fn actors(&self) -> PathBuf {
        self.root.join("actors")
    }

    /// The finished components, one `<actor>.wasm` each; always inside the checkout, where tests look for them.
    pub(crate) fn components(&self) -> PathBuf {
        self.root.join("actors/target/components")
    }

    /// `path` as a person in the checkout would write it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The cargo that started us, as if a person had: what it told us of our own package would make it build some dependencies anew.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&variable);
        }
    }
    cargo
}

fn folder_from_env(variable: &str) -> Result<Option<PathBuf>> {
    match std::env::var_os(variable) {
        Some(folder) if !folder.is_empty() => std::path::absolute(&folder)
            .map(Some)
            .with_context(|| format!("make {variable} absolute")),
        _ => Ok(None),
    }
}
