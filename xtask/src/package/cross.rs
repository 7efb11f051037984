//! Builds the programs of a package, for this machine or another kind.

use super::architecture::Architecture;
use crate::machine::{Apt, Machine};
use crate::workspace::{self, Workspace};
use crate::{setup, shell};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's Rust keeps the libraries of each kind of machine.
const DEBIAN_RUSTLIB: &str = "/usr/lib/rustlib";

/// A Rust that can build for another kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toolchain {
    /// The one that builds everything else, with one more target.
    Ours,
    /// Debian's, whose libraries for other machines are packages.
    Debian,
}

/// Builds host and command line; gives back the folder they are in.
pub(super) fn build(workspace: &Workspace, architecture: Architecture, features: Option<&str>) -> Result<PathBuf> {
    let machine = Machine::look();
    let (mut cargo, target) = if architecture.is_native() {
        (workspace::cargo(), workspace.target.clone())
    } else {
        let toolchain = toolchain(workspace, &machine, architecture)?;
        let linker = linker(workspace, &machine, architecture)?;
        // Another compiler, another folder: the two would build everything anew for each other.
        let target = workspace.target.join("cross");
        let mut cargo = match toolchain {
            Toolchain::Ours => workspace::cargo(),
            Toolchain::Debian => {
                let mut cargo = Command::new("/usr/bin/cargo");
                cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        };
        let triple = architecture.triple();
        let upper = triple.to_uppercase().replace('-', "_");
        cargo
            .args(["--config", "build.incremental=false"])
            .env("CARGO_TARGET_DIR", &target)
            .env(format!("CARGO_TARGET_{upper}_LINKER"), &linker)
            .env(format!("CC_{}", triple.replace('-', "_")), &linker);
        (cargo, target)
    };
    cargo.current_dir(&workspace.root).args([
        "build",
        "--release",
        "--locked",
        "--target",
        architecture.triple(),
        "--package",
        "lattice-hostd",
        "--package",
        "lattice-cli",
    ]);
    if let Some(features) = features {
        cargo.arg("--no-default-features");
        cargo.args(["--features", features]);
    }
    shell::run(&mut cargo)?;
    Ok(target.join(architecture.triple()).join("release"))
}

/// Finds a Rust with the libraries of that machine, or gets them: rustup's where there is a network for it, Debian's elsewhere.
fn toolchain(workspace: &Workspace, machine: &Machine, architecture: Architecture) -> Result<Toolchain> {
    let ours = || {
        let sysroot = shell::stdout_of(Command::new("rustc").args(["--print", "sysroot"]))?;
        Ok::<bool, anyhow::Error>(has_libraries(
            &Path::new(sysroot.trim()).join("lib/rustlib"),
            architecture,
        ))
    };
    if ours().unwrap_or(false) {
        return Ok(Toolchain::Ours);
    }
    let debian = || has_libraries(Path::new(DEBIAN_RUSTLIB), architecture) && Path::new("/usr/bin/cargo").exists();
    if debian() {
        return Ok(Toolchain::Debian);
    }
    let triple = architecture.triple();
    if machine.rustup {
        let added = shell::run(Command::new("rustup").args(["target", "add", triple]));
        if added.is_ok() && ours().unwrap_or(false) {
            return Ok(Toolchain::Ours);
        }
    }
    if machine.apt == Apt::Usable {
        shell::run(Command::new("dpkg").args(["--add-architecture", &architecture.to_string()]))?;
        setup::install_packages(
            workspace,
            &["rustc-web", &format!("libstd-rust-web-dev:{architecture}")],
        )?;
        if debian() {
            return Ok(Toolchain::Debian);
        }
    }
    bail!(
        "no Rust here builds for {triple}: `rustup target add {triple}`, or on Debian as root `dpkg --add-architecture {architecture} \
         && apt-get update && apt-get install rustc-web libstd-rust-web-dev:{architecture}`"
    )
}

fn has_libraries(rustlib: &Path, architecture: Architecture) -> bool {
    std::fs::read_dir(rustlib.join(architecture.triple()).join("lib")).is_ok_and(|files| {
        files
            .flatten()
            .any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// The C compiler for that machine: it links, and compiles what C there is.
fn linker(workspace: &Workspace, machine: &Machine, architecture: Architecture) -> Result<String> {
    let name = format!("{}-gcc", architecture.gnu());
    if shell::on_path(&name, &machine.path).is_empty() {
        let packages = [
            format!("gcc-{}", architecture.gnu()),
            format!("libc6-dev-{architecture}-cross"),
        ];
        if machine.apt != Apt::Usable {
            bail!("{name} is not on the PATH: `apt-get install {}`", packages.join(" "));
        }
        setup::install_packages(workspace, &packages.each_ref().map(String::as_str))
            .with_context(|| format!("{name} is needed to build for {architecture}"))?;
    }
    Ok(name)
}
