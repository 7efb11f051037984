//! A host as a process, with all of its lines to NATS going through proxies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lattice_core::MemberId;
use lattice_node::testing::{HostFiles, HostOptions, TestLattice};
use lattice_testkit::{Cluster, FaultProxy, Process};

use crate::holds::Holds;

/// How long a host may take to serve.
const SERVES_WITHIN: Duration = Duration::from_secs(60);
/// By this a host is told to do without the fence.
const NO_FENCE: &str = "LATTICE_SABOTAGE_FENCE";
/// By this a host is told where it reads at which phase a move is to be held.
const HOLDS: &str = "LATTICE_SABOTAGE_HOLDS";

/// One host.
pub(crate) struct Host {
    pub(crate) name: String,
    files: HostFiles,
    command: Command,
    /// One in front of each nats-server.
    lines: Vec<FaultProxy>,
    process: Process,
}

/// What hosts are made of.
pub(crate) struct Mould<'a> {
    pub(crate) program: &'a Path,
    pub(crate) cluster: &'a Cluster,
    pub(crate) lattice: &'a TestLattice,
    pub(crate) fenced: bool,
    pub(crate) holds: &'a Holds,
}

impl Host {
    /// Enrols and starts a host, and returns when it serves.
    pub(crate) async fn start(mould: &Mould<'_>, name: &str) -> Result<Self> {
        let mut lines = Vec::new();
        for member in &mould.cluster.members {
            lines.push(FaultProxy::start(member.address()).await);
        }
        let urls: Vec<String> = lines.iter().map(FaultProxy::nats_url).collect();
        let files = mould.lattice.host_files(&HostOptions::named(name));
        let mut command = Command::new(mould.program);
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LATTICE_")) {
            command.env_remove(variable);
        }
        if !mould.fenced {
            command.env(NO_FENCE, "1");
        }
        command
            .env(HOLDS, mould.holds.folder())
            .args(["--lattice", mould.lattice.id().as_str(), "--name", name])
            .args(["--nats-url", &urls.join(",")])
            .args(["--heartbeat", "250ms", "--lost-after", "2s"])
            .args(["--log", "info,async_nats=error,lattice_stateful=debug"])
            .arg("--data-dir")
            .arg(&files.folder)
            .arg("--ready-file")
            .arg(files.folder.join("ready"));
        let process = Process::spawn(&mut command, &files.folder.join("log"));
        let mut host = Self {
            name: name.to_owned(),
            files,
            command,
            lines,
            process,
        };
        host.serves().await?;
        Ok(host)
    }

    /// Its key.
    pub(crate) fn id(&self) -> &MemberId {
        &self.files.id
    }

    /// Where it logs.
    pub(crate) fn log(&self) -> PathBuf {
        self.files.folder.join("log")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP.
    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    /// Closes its connections to NATS, and lets it make no new ones.
    pub(crate) fn cut(&self) {
        self.lines.iter().for_each(FaultProxy::cut);
    }

    /// Lets nothing through to or from NATS any more.
    pub(crate) fn stall(&self) {
        self.lines.iter().for_each(FaultProxy::stall);
    }

    /// Makes all well again; starts it if it has ended. Returns when it serves.
    pub(crate) async fn heal(&mut self) -> Result<()> {
        self.lines.iter().for_each(FaultProxy::heal);
        self.process.resume();
        if !self.process.is_running() {
            // One that was killed leaves the file of its former run behind.
            let _ = std::fs::remove_file(self.ready_file());
            let log = self.log();
            self.process = Process::spawn(&mut self.command, &log);
            self.serves().await?;
        }
        Ok(())
    }

    async fn serves(&mut self) -> Result<()> {
        let started = Instant::now();
        while !self.ready_file().exists() {
            ensure!(
                self.process.is_running() && started.elapsed() < SERVES_WITHIN,
                "the host `{}` does not serve; it said:\n{}",
                self.name,
                self.process.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn ready_file(&self) -> PathBuf {
        self.files.folder.join("ready")
    }
}
