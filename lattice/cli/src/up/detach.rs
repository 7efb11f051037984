//! `lattice up --detached`: the same, in a process that stays when we return.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    plan::UpPlan,
    record::{Phase, RunRecord},
};
use crate::{
    failure::{Exit, Failure},
    files,
    output::Narrator,
};

/// Between two looks at a process that starts.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// How much of the log explains a failure.
const LAST_LINES: usize = 8;

/// Starts the process that stays, and returns when everything serves.
pub(crate) async fn detach(plan: &UpPlan, within: Duration) -> Result<RunRecord> {
    let path = plan.home.log();
    files::create_private_dir(plan.home.root())?;
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    // The very flags we were given, and the one that keeps it from doing the same.
    command.args(std::env::args_os().skip(1)).arg("--daemon");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().context("cannot start the process that stays")?;

    let mut narrator = Narrator::new();
    narrator.step(format!("starting; its log is {}", path.display()));
    let deadline = Instant::now() + within;
    loop {
        if let Some(record) = serves(plan, &child)? {
            return Ok(record);
        }
        if let Some(status) = child.try_wait()? {
            drop(narrator);
            return Err(Failure::failed(format!("the lattice did not start ({status})"))
                .because(last_lines(plan))
                .help(format!("{} has it all", path.display()))
                .into());
        }
        if Instant::now() >= deadline {
            // It goes on starting, which the reader may want.
            return Err(Failure::new(Exit::Timeout, "the lattice does not serve yet")
                .because(last_lines(plan))
                .help("it goes on starting: `lattice get hosts` shows when it serves, `lattice down` ends it")
                .into());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The record, once it is of this child and says that everything serves.
fn serves(plan: &UpPlan, child: &Child) -> Result<Option<RunRecord>> {
    let record = RunRecord::read(&plan.home.run_record())?;
    Ok(record.filter(|record| record.supervisor.pid == child.id() && record.phase == Phase::Ready))
}

fn last_lines(plan: &UpPlan) -> String {
    let text = std::fs::read_to_string(plan.home.log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    format!("its log ends with\n    {}", last.join("\n    "))
}

/// Makes this process the leader of a session of its own, so that closing the terminal does not end it.
pub(crate) fn leave_the_terminal() {
    // Fails only when we lead a group already, which a fresh child does not; then there is nothing to leave.
    let _ = rustix::process::setsid();
}
