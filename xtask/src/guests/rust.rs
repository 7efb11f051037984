//! Builds the actors written in Rust, all in one run of cargo, which knows best what has changed.

use crate::setup::{GuestRust, TARGET};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// Which packages of the guests' workspace to build.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    All,
    Named,
}

/// Builds the named packages and gives back where cargo put each. `extent` says whether the names are all there are.
pub(super) fn build(
    workspace: &Workspace,
    rust: &GuestRust,
    names: &[&str],
    extent: Extent,
) -> Result<Vec<(String, PathBuf)>> {
    let mut cargo = rust.cargo_build();
    cargo
        .current_dir(workspace.actors())
        .arg("--target-dir")
        .arg(&workspace.actors_target);
    match extent {
        Extent::All => {
            cargo.arg("--workspace");
        }
        Extent::Named => {
            cargo.args(names.iter().flat_map(|name| ["--package", name]));
        }
    }
    // In CI nothing may change the versions that were committed.
    if std::env::var_os("CI").is_some() {
        cargo.arg("--locked");
    }
    shell::run(&mut cargo)?;
    names
        .iter()
        .map(|name| {
            let file = format!("{}.wasm", name.replace('-', "_"));
            let wasm = workspace.actors_target.join(TARGET).join("release").join(file);
            if !wasm.exists() {
                bail!(
                    "cargo made no {} for {name}: is `crate-type = [\"cdylib\"]` missing?",
                    wasm.display()
                );
            }
            Ok(((*name).to_owned(), wasm))
        })
        .collect::<Result<_>>()
        .context("collect the components")
}
