//! The compiler is a program of its own, `lattice-aot`: it is several times as large as this one, and few who type `lattice` need it.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use lattice_core::aot::{CodeShape, CodeTarget};
use tokio::process::Command;

use crate::{failure::Failure, up::find_compiler};

/// Compiles a component. Returns an artifact that nobody has signed.
///
/// # Cancel safety
///
/// When it is given up, the compiler is ended.
pub(crate) async fn compile(component: &[u8], target: CodeTarget) -> Result<Vec<u8>> {
    let program = find_compiler(std::env::var_os("LATTICE_AOT_BIN").map(Into::into))?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (from, to) = (folder.path().join("component.wasm"), folder.path().join("code"));
    std::fs::write(&from, component).with_context(|| format!("cannot write {}", from.display()))?;
    let shape = match target.shape() {
        CodeShape::Server => "server",
        CodeShape::Edge64 => "edge64",
    };
    let output = Command::new(&program)
        .arg(&from)
        .args(["--target", target.arch().triple(), "--profile", shape, "--out"])
        .arg(&to)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(
            Failure::failed(format!("the component cannot be compiled for {target}"))
                .because(said.trim().trim_start_matches("Error: "))
                .into(),
        );
    }
    std::fs::read(&to).with_context(|| format!("{} wrote no code", program.display()))
}
