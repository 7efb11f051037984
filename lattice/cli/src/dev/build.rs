//! Running a build: what it says goes to the person, what it starts ends with it.

use std::{
    os::fd::AsFd,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::{cargo::TARGET, recipe::Build};
use crate::failure::{Exit, Failure};

/// How long a build may take. The first one of a large project on a small board is slow; one that hangs must end all the same.
const WITHIN: Duration = Duration::from_secs(30 * 60);

/// Builds, and says how long it took.
///
/// # Cancel safety
/// Dropped halfway, the build and all that it started is killed.
pub(super) async fn build(build: &Build, folder: &Path) -> Result<Duration> {
    let started = Instant::now();
    let mut command = command(build);
    // What is printed for programs comes from us alone.
    let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(stderr);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // A group of its own, so that whatever the build starts can be ended with it.
    let child = command.process_group(0).kill_on_drop(true).spawn();
    let mut group = Group(child.with_context(|| format!("{program} cannot be run"))?);
    match tokio::time::timeout(WITHIN, group.0.wait()).await {
        Ok(status) => {
            let status = status.context("the build cannot be waited for")?;
            if !status.success() {
                return Err(failed(build, &status.to_string()).into());
            }
            Ok(started.elapsed())
        }
        Err(_) => {
            let within = lattice_core::text::format_duration(WITHIN);
            Err(Failure::new(
                Exit::Timeout,
                format!("the build was not done within {within}, and was ended"),
            )
            .into())
        }
    }
}

fn command(build: &Build) -> Command {
    match build {
        Build::Shell(text) => {
            let mut command = Command::new("sh");
            command.args(["-c", text]);
            command
        }
        Build::Cargo => {
            let mut command = Command::new("cargo");
            command.args(["build", "--release", "--target", TARGET]);
            command
        }
    }
}

fn failed(build: &Build, how: &str) -> Failure {
    let failure = Failure::failed(format!("the build failed ({how})"));
    match build {
        Build::Shell(text) => failure.help(format!("what it said is above; it was `{text}`")),
        Build::Cargo => failure.help(format!(
            "what it said is above; if the target is missing: `rustup target add {TARGET}`"
        )),
    }
}

/// The processes of a build.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for, its number may be somebody else's, and it has none.
        let leader = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // They may have ended by themselves just now.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_runs_in_its_folder_and_says_how_it_failed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shell = |text: &str| Build::Shell(text.to_owned());
        build(&shell("echo made > out"), folder.path()).await.expect("it works");
        assert!(folder.path().join("out").is_file());
        let error = build(&shell("exit 3"), folder.path()).await.expect_err("it fails");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn what_an_abandoned_build_started_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (begun, late) = (folder.path().join("begun"), folder.path().join("late"));
        let text = "(echo > begun; while [ ! -e go ]; do sleep 0.05; done; echo > late) & wait";
        let recipe = Build::Shell(text.to_owned());
        let runs = async {
            while !begun.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            outcome = build(&recipe, folder.path()) => panic!("it cannot end: {outcome:?}"),
            () = runs => {}
        }
        std::fs::write(folder.path().join("go"), "").expect("writes");
        // Long enough for what is still there to notice.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!late.exists());
    }
}
