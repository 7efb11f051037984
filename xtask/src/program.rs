//! Programs that run beside us.

use crate::shell;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two looks at whether it is ready.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A program whose output goes to a file, killed when this is dropped.
pub(crate) struct Program {
    name: String,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// Starts it; its output goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let program = Path::new(command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str()).display().to_string();
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let errors = output.try_clone().context("share the log file")?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        Ok(Self {
            child: Some(child.with_context(|| format!("cannot run {name}"))?),
            log: log.to_owned(),
            name,
        })
    }

    /// Waits until it does what it is for, as `is_ready` says. An error when it ends before, or takes longer than `within`.
    pub(crate) fn wait_until(&mut self, within: Duration, mut is_ready: impl FnMut() -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !is_ready()? {
            let child = self.child.as_mut().context("it was left running")?;
            let ended = child.try_wait().with_context(|| format!("ask after {}", self.name))?;
            if ended.is_some() || started.elapsed() > within {
                let log = shell::tail(&self.log);
                bail!("{} did not start as it should; it said:\n{log}", self.name);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }

    /// What it wrote so far.
    pub(crate) fn output(&self) -> Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| format!("read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().with_context(|| format!("kill {}", self.name))?;
            child
                .wait()
                .with_context(|| format!("wait for {} to be gone", self.name))?;
        }
        Ok(())
    }

    /// Leaves it running, and says what process it is.
    pub(crate) fn leave_running(mut self) -> Option<u32> {
        self.child.take().map(|child| child.id())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _ = self.kill();
    }
}

/// A port that was free a moment ago. Who is to listen on it says so if somebody else was quicker.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
