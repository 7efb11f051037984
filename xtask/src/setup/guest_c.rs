//! The clang that builds guests in C: with a linker, a C library and a compiler runtime for WASI.

use super::apt;
use crate::machine::{Apt, Machine};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;
use std::time::Duration;

const DEBIAN_PACKAGES: &[&str] = &["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];
const TRIAL_LIMIT: Duration = Duration::from_secs(60);

/// A program that needs all there is: headers, the library, the linker and the runtime.
const TRIAL: &str = "#include <stdlib.h>\nvoid *grow(size_t size) { return malloc(size); }\n";

/// Finds or installs it, and tells its version. What counts is whether it works: of a clang alone nobody can tell what it builds for.
pub(crate) fn ensure(workspace: &Workspace, machine: &Machine) -> Result<String> {
    let first = match trial(workspace) {
        Ok(version) => {
            shell::say("clang", &format!("{version}, builds for wasm32-wasi"));
            return Ok(version);
        }
        Err(error) => error,
    };
    let packages = DEBIAN_PACKAGES.join(" ");
    match machine.apt {
        Apt::Usable => apt::install(workspace, DEBIAN_PACKAGES)
            .and_then(|()| trial(workspace))
            .with_context(|| format!("no clang that builds for wasm32-wasi, even with {packages}")),
        Apt::NotRoot => {
            bail!("no clang that builds for wasm32-wasi: run `sudo apt-get install {packages}`\n  tried: {first:#}")
        }
        Apt::Missing => bail!(
            "no clang that builds for wasm32-wasi: install {packages} with the package manager of {}, or put the clang of \
             wasi-sdk on your PATH\n  tried: {first:#}",
            machine.os
        ),
    }
}

fn trial(workspace: &Workspace) -> Result<String> {
    let folder = tempfile::tempdir().context("create a temporary folder")?;
    let source = folder.path().join("trial.c");
    fs::write(&source, TRIAL).context("write the trial program")?;
    let mut clang = Command::new("clang");
    clang
        .args(["--target=wasm32-wasi", "-mexec-model=reactor", "-o", "trial.wasm"])
        .arg(&source)
        .current_dir(folder.path());
    shell::run_quietly(&mut clang, &workspace.logs().join("clang.log"), TRIAL_LIMIT)?;
    let version = shell::stdout_of(Command::new("clang").arg("--version"))?;
    Ok(version.lines().next().unwrap_or_default().to_owned())
}
