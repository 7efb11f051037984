//! A host outside of `lattice up`, as it would run on another machine: enrolled, started by itself, and nobody restarts it.

use super::Stage;
use crate::lattice::Lattice;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How the host is called.
pub(super) const NAME: &str = "field";
/// How long it may take to join.
const JOINS_WITHIN: Duration = Duration::from_secs(30);

/// The host's process, ended when this is dropped.
pub(super) struct Field(Child);

impl Field {
    /// Enrols the host with a folder of its own in `home`, and starts it. Returns when the lattice lists it.
    pub(super) fn start(lattice: &Lattice, stage: &Stage, home: &Path) -> Result<Self> {
        let folder = home.join(NAME);
        let out = folder.to_str().context("the temporary folder's path is not Unicode")?;
        let labels = ["--label", "zone=edge", "--label", "power=battery"];
        lattice.run(&[&["key", "enroll", NAME, "--out", out], &labels[..]].concat())?;
        let log = folder.join("log");
        let child = Command::new(stage.programs.join("lattice-host"))
            .arg("--config")
            .arg(folder.join("lattice-host.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| format!("create {}", log.display()))?)
            .spawn()
            .context("cannot run lattice-host")?;
        let mut field = Self(child);
        let started = Instant::now();
        while !is_ready(lattice)? {
            let ended = field.0.try_wait().context("ask after lattice-host")?;
            if ended.is_some() || started.elapsed() > JOINS_WITHIN {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the host `{NAME}` did not join; it said:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(field)
    }

    /// `kill -9`: the host says goodbye to nobody.
    pub(super) fn kill(mut self) -> Result<()> {
        self.0.kill().context("kill the host")?;
        self.0.wait().context("wait for the host to be gone")?;
        Ok(())
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // It may have ended by itself or been killed already, and then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
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
