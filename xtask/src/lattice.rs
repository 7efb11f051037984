//! Drives the program `lattice` the way a person would, in a home folder of its own.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A lattice on this machine, taken down when it is dropped.
pub(crate) struct Lattice {
    programs: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    home: PathBuf,
    /// The network namespace it is in, if not that of this process.
    namespace: Option<String>,
    up: bool,
}

impl Lattice {
    /// A lattice that keeps everything it writes below `home`.
    pub(crate) fn new(programs: &Path, environment: &[(&'static str, OsString)], home: &Path) -> Self {
        Self {
            programs: programs.to_owned(),
            environment: environment.to_vec(),
            home: home.to_owned(),
            namespace: None,
            up: false,
        }
    }

    /// The same, in a network namespace.
    pub(crate) fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Starts nats-server and hosts: `lattice up --detached` with these flags.
    /// Returns what it printed of itself.
    pub(crate) fn up(&mut self, flags: &[&str]) -> Result<Value> {
        // From here on there may be something to take down, even if this fails half-way.
        self.up = true;
        self.json(&[&["up", "--detached"], flags].concat())
    }

    /// Runs `lattice` with these words and returns what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        let output = self
            .command()
            .args(words)
            .stdin(Stdio::null())
            .output()
            .context("cannot run lattice")?;
        if !output.status.success() {
            bail!(
                "`lattice {}` failed ({}):\n{}",
                words.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs `lattice … -o json` and parses what it printed.
    pub(crate) fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.run(&[words, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("`lattice {}` printed no JSON: {text}", words.join(" ")))
    }

    /// Leaves everything running.
    pub(crate) fn leave_running(mut self) {
        self.up = false;
    }

    /// Ends every host and nats-server.
    pub(crate) fn down(&mut self) -> Result<()> {
        if std::mem::take(&mut self.up) {
            self.run(&["down"])?;
        }
        Ok(())
    }

    /// `lattice`, to be given words.
    pub(crate) fn command(&self) -> Command {
        let program = self.programs.join("lattice");
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command
            .envs(self.environment.iter().cloned())
            .env("LATTICE_HOME", &self.home);
        command
    }
}

impl Drop for Lattice {
    fn drop(&mut self) {
        // Reached with something running only after a failure, which is what the user will read; this one only adds to it.
        if let Err(error) = self.down() {
            eprintln!("warning: not everything was ended: {error:#}");
        }
    }
}
