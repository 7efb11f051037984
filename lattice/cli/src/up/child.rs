//! One child process of `lattice up`: started in a process group of its own, its lines passed on, ended gracefully.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use super::identity::ProcessIdentity;

/// How a child ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ended {
    /// What to tell a person: `exit status: 1`, `signal: 9 (SIGKILL)`.
    pub(crate) how: String,
    /// Its exit code, if it was not killed.
    pub(crate) code: Option<i32>,
    /// Its last lines, for the message that explains a failure.
    pub(crate) last_lines: Vec<String>,
}

/// A running child.
pub(crate) struct ChildProcess {
    child: Child,
    identity: ProcessIdentity,
    pumps: Vec<JoinHandle<Vec<String>>>,
}

/// How many lines are kept of each stream for an error message.
const LAST_LINES: usize = 12;

impl ChildProcess {
    /// Starts a child. Its lines go to our stderr, each after its name.
    ///
    /// The child gets a process group of its own: Ctrl-C in the terminal reaches only us, so that we can end the
    /// children in the right order.
    pub(crate) fn spawn(name: &str, mut command: Command) -> Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let pid = child.id().context("the process ended before it had a number")?;
        let identity = ProcessIdentity::of(pid).with_context(|| format!("{program} ended at once"))?;
        let mut pumps = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            pumps.push(tokio::spawn(pass_on(name.to_owned(), stdout)));
        }
        if let Some(stderr) = child.stderr.take() {
            pumps.push(tokio::spawn(pass_on(name.to_owned(), stderr)));
        }
        Ok(Self { child, identity, pumps })
    }

    /// Who it is, for the run record.
    pub(crate) fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Waits for its end. Cancel safe: dropped halfway, nothing is lost.
    pub(crate) async fn wait(&mut self) -> Ended {
        let (how, code) = match self.child.wait().await {
            Ok(status) => (status.to_string(), status.code()),
            Err(error) => (format!("could not be waited for: {error}"), None),
        };
        let mut last_lines = Vec::new();
        for pump in self.pumps.drain(..) {
            last_lines.extend(pump.await.unwrap_or_default());
        }
        Ended { how, code, last_lines }
    }

    /// Asks it to end, and kills it when it has not within `grace`. Returns whether it ended by itself.
    pub(crate) async fn stop(&mut self, grace: Duration) -> bool {
        self.identity.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_ok() {
            return true;
        }
        // Already gone, or beyond our reach: either way there is nothing more to do to it.
        let _ = self.child.kill().await;
        false
    }
}

/// Copies a child's lines to our stderr and keeps the last few.
async fn pass_on(name: String, stream: impl AsyncRead + Unpin) -> Vec<String> {
    let mut last = std::collections::VecDeque::with_capacity(LAST_LINES);
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last.into(),
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        anstream::eprintln!("{name:>11} | {text}");
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text);
    }
}
