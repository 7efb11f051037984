//! Telling our processes from strangers that were given the same number.

use serde::{Deserialize, Serialize};

/// A process, recorded so that a later run can tell whether the number still means the same process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    /// Its number. Numbers are reused.
    pub(crate) pid: u32,
    /// When it started, as the system tells it. Two processes with one number never share it.
    pub(crate) started: String,
}

impl ProcessIdentity {
    /// Records a process that runs now. `None` when there is none by that number.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        start_time(pid).map(|started| Self { pid, started })
    }

    /// Whether this very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid).is_some_and(|started| started == self.started)
    }

    /// Sends it a signal, if it is still the same process.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        if !self.is_alive() {
            return;
        }
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) {
            // It ended since we looked: what the signal was for has happened.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat)
}

/// The state is the first field after the program's name, which may itself hold spaces and parentheses; the start
/// time is the twentieth. A zombie counts as ended: nothing of it runs, only its parent has not looked yet.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &str) -> Option<String> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(|ticks| ticks.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_process_and_not_a_stranger_of_the_same_number() {
        let me = ProcessIdentity::of(std::process::id()).expect("this process runs");
        assert!(me.is_alive());
        let stranger = ProcessIdentity {
            started: "1".into(),
            ..me
        };
        assert!(!stranger.is_alive());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_parentheses_does_not_confuse_it() {
        let stat = "42 (a) b) c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(parse_stat(stat).as_deref(), Some("987654"));
        assert_eq!(parse_stat("42 (x) Z 1 42 42 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 5 0"), None);
        assert_eq!(parse_stat("nonsense"), None);
    }
}
