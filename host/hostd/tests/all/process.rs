//! `lattice-host` as a child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lattice_core::MemberId;
use lattice_node::testing::{HostOptions, PATIENCE, TestLattice};
use tokio::process::Child;

/// A `lattice-host` that runs, killed when dropped.
pub(crate) struct HostProcess {
    process: Child,
    pub(crate) id: MemberId,
    pub(crate) folder: PathBuf,
}

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lattice-host"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LATTICE_")) {
        command.env_remove(name);
    }
    command
}

/// The usual arguments for a host of a test's lattice.
pub(crate) fn arguments(lattice: &TestLattice, folder: &Path) -> Vec<String> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    [
        "--lattice",
        lattice.id().as_str(),
        "--nats-url",
        lattice.url(),
        "--heartbeat",
        "250ms",
        "--lost-after",
        "2s",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        "--data-dir".to_owned(),
        text(folder.to_owned()),
        "--ready-file".to_owned(),
        text(folder.join("ready")),
    ])
    .collect()
}

impl HostProcess {
    /// Starts a host and returns when it says that it serves.
    pub(crate) async fn start(lattice: &TestLattice, name: &str) -> Self {
        let files = lattice.host_files(&HostOptions::named(name));
        let mut command = program();
        command.args(arguments(lattice, &files.folder)).args(["--name", name]);
        Self::spawn(command, files.id, files.folder).ready().await
    }

    /// Starts a host. Its output goes to `log` in its folder.
    pub(crate) fn spawn(command: Command, id: MemberId, folder: PathBuf) -> Self {
        let log = || {
            File::options()
                .create(true)
                .append(true)
                .open(folder.join("log"))
                .unwrap()
        };
        let mut command = tokio::process::Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .kill_on_drop(true);
        Self {
            process: command.spawn().unwrap(),
            id,
            folder,
        }
    }

    /// Returns when it serves.
    pub(crate) async fn ready(mut self) -> Self {
        let ready = self.folder.join("ready");
        let deadline = Instant::now() + PATIENCE;
        while !ready.exists() {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the host does not serve: {ended:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self
    }

    /// Waits until the process has ended, and returns its exit code; none when it was killed.
    pub(crate) async fn ended(&mut self, within: Duration) -> Option<i32> {
        let ended = tokio::time::timeout(within, self.process.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("the host does not end:\n{}", self.log()))
            .unwrap()
            .code()
    }

    /// Kills it at once (SIGKILL).
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Asks it to stop (SIGTERM).
    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    fn pid(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}
