//! The site: a leaf nats-server and two hosts, as they would run on machines of their own.

use super::Stage;
use super::namespaces::{self, HUB, Namespaces};
use crate::lattice::Lattice;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What the site is called.
pub(super) const SITE: &str = "leaf1";
/// Where the hub takes leaf nodes.
pub(super) const LEAF_PORT: u16 = 7422;
/// How long a host may take to join, or to serve again.
pub(super) const SERVES_WITHIN: Duration = Duration::from_secs(60);

/// A process at the site, ended when this is dropped.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(mut command: std::process::Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// `kill -9`. `ip netns exec` becomes the program it runs, so this is the program itself.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill a host")?;
        self.child.wait().context("wait for a host to be gone")?;
        Ok(())
    }

    /// All it has logged, in all its runs.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The leaf's nats-server.
pub(super) fn start_leaf(stage: &Stage, lattice: &Lattice, net: &Namespaces, home: &Path) -> Result<Process> {
    let folder = home.join(SITE);
    let out = folder.to_str().context("the temporary folder's path is not Unicode")?;
    lattice.run(&[
        "site",
        "add",
        SITE,
        "--hub",
        &format!("{HUB}:{LEAF_PORT}"),
        "--out",
        out,
    ])?;
    let server = stage
        .environment
        .iter()
        .find(|(name, _)| *name == "LATTICE_NATS_SERVER")
        .map_or_else(|| "nats-server".into(), |(_, path)| path.clone());
    let mut command = namespaces::command(&net.site, server);
    command.arg("-c").arg(folder.join("nats-server.conf"));
    Process::start(command, &folder.join("log"))
}

/// Enrols a host of the site, with the label `front=NAME`.
pub(super) fn enrol(lattice: &Lattice, home: &Path, name: &str) -> Result<()> {
    let folder = home.join(name);
    let out = folder.to_str().context("the temporary folder's path is not Unicode")?;
    let front = format!("front={name}");
    lattice.run(&["key", "enroll", name, "--site", SITE, "--label", &front, "--out", out])?;
    Ok(())
}

/// Starts a host that is enrolled, for the first time or again.
pub(super) fn start_host(stage: &Stage, net: &Namespaces, home: &Path, name: &str) -> Result<Process> {
    let folder = home.join(name);
    let mut command = namespaces::command(&net.site, stage.programs.join("lattice-host"));
    command.arg("--config").arg(folder.join("lattice-host.toml"));
    Process::start(command, &folder.join("log"))
}

/// Waits until the lattice lists all these hosts as ready.
pub(super) fn wait_for_hosts(lattice: &Lattice, names: &[&str], processes: &[&Process]) -> Result<()> {
    let begun = Instant::now();
    loop {
        let listing = lattice.json(&["get", "hosts"])?;
        let hosts = listing["items"]
            .as_array()
            .context("`lattice get hosts` printed no items")?;
        let ready = |name: &&str| {
            hosts
                .iter()
                .any(|host| host["name"] == **name && host["state"] == "ready")
        };
        if names.iter().all(ready) {
            return Ok(());
        }
        if begun.elapsed() > SERVES_WITHIN {
            let logs: Vec<String> = processes.iter().map(|process| process.log()).collect();
            bail!("not all of {names:?} joined; they said:\n{}", logs.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
