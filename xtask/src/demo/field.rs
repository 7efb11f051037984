//! A host outside of `lattice up`, as it would run on another machine: enrolled, started by itself, and nobody restarts it.

use super::Stage;
use super::watch::Shown;
use crate::lattice::Lattice;
use crate::program::{Program, free_port};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How the host is called.
pub(super) const NAME: &str = "field";
/// How long it may take to join.
const JOINS_WITHIN: Duration = Duration::from_secs(30);

/// The host's process, ended when this is dropped.
pub(super) struct Field {
    program: Program,
    metrics: String,
}

impl Field {
    /// Enrols the host with a folder of its own in `home`, and starts it. Returns when the lattice lists it.
    pub(super) fn start(lattice: &Lattice, stage: &Stage, home: &Path) -> Result<Self> {
        let folder = home.join(NAME);
        let out = folder.to_str().context("the temporary folder's path is not Unicode")?;
        let labels = ["--label", "zone=edge", "--label", "power=battery"];
        lattice.run(&[&["key", "enroll", NAME, "--out", out], &labels[..]].concat())?;
        let metrics = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(stage.programs.join("lattice-host"));
        command.arg("--config").arg(folder.join("lattice-host.toml"));
        command
            .args(["--metrics-address", &metrics])
            .envs(stage.telemetry.iter().cloned());
        let mut program = Program::start(&mut command, &folder.join("log"))?;
        program.wait_until(JOINS_WITHIN, || is_ready(lattice))?;
        Ok(Self { program, metrics })
    }

    /// Where it shows its metrics.
    pub(super) fn shown(&self) -> Shown {
        Shown {
            host: NAME.to_owned(),
            address: self.metrics.clone(),
        }
    }

    /// `kill -9`: the host says goodbye to nobody.
    pub(super) fn kill(mut self) -> Result<()> {
        self.program.kill()
    }
}

fn is_ready(lattice: &Lattice) -> Result<bool> {
    let listing = lattice.json(&["get", "hosts"])?;
    let hosts = listing["items"]
        .as_array()
        .context("`lattice get hosts` printed no items")?;
    Ok(hosts
        .iter()
        .any(|host| host["name"] == NAME && host["state"] == "ready"))
}
