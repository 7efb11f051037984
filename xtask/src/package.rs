//! Packages for a machine of its own: the Debian package with host, command line and systemd unit, checked and, on request, tried out.

mod architecture;
mod beside;
mod checks;
mod cross;
mod deb;
mod emulated;
mod emulator;
mod figures;
mod files;
mod leaf;

use crate::setup::{NFPM, Setup};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::PathBuf;

use architecture::Architecture;
use deb::Package;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For which machines; this one's if none is named
    #[arg(long, value_enum)]
    arch: Vec<Architecture>,
    /// Also run what is in the package: its host joins a lattice on this machine, and actors move there and back
    #[arg(long = "try")]
    try_out: bool,
    /// Features of lattice-host to build with, instead of the default ones
    #[arg(long, value_name = "FEATURES")]
    host_features: Option<String>,
    /// Where packages go [default: target/packages]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `cargo xtask package`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let architectures = match args.arch.as_slice() {
        [] => vec![Architecture::native()?],
        named => named.to_vec(),
    };
    let out = args.out.clone().unwrap_or_else(|| workspace.target.join("packages"));
    std::fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    let nfpm = {
        let setup = Setup::open(workspace)?;
        let tools = setup.tools(&[NFPM])?;
        tools.path(&NFPM).context("nfpm")?.to_owned()
    };
    let files = files::gather(workspace)?;
    for architecture in architectures {
        let programs = cross::build(workspace, architecture, args.host_features.as_deref())?;
        let package = Package {
            workspace,
            nfpm: &nfpm,
            files: files.path(),
            out: &out,
            architecture,
        };
        let deb = package.build(&programs)?;
        checks::package(workspace, &deb)?;
        match leaf::nats_server(workspace, architecture) {
            Ok(program) => drop(package.build_leaf(&programs, &program)?),
            Err(error) => shell::say(
                "leaf",
                &format!("no package of a NATS leaf for {architecture}: {error:#}"),
            ),
        }
        if args.try_out {
            emulated::try_out(workspace, &deb, architecture)?;
        }
    }
    Ok(())
}
