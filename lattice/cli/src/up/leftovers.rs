//! Ending the processes of a record: gracefully, in order, and only if they are still ours.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{identity::ProcessIdentity, record::RunRecord};

/// Between two looks at a process that is ending. It is not our child, so nobody tells us.
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);

/// How long a killed process may take to vanish.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// How a process came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// It was not running, or its number belongs to another process now.
    Gone,
    /// It ended when asked.
    Graceful,
    /// It had to be killed.
    Killed,
    /// It is still there.
    Stuck,
}

/// Ends every process of a record, the hosts before the NATS server.
pub(crate) async fn end_all(record: &RunRecord, grace: Duration) -> Vec<(String, Ending)> {
    let mut endings = Vec::new();
    for (name, process) in record.children() {
        endings.push((name, end(process, grace).await));
    }
    endings
}

/// Ends a process that is not our child.
pub(crate) async fn end(process: &ProcessIdentity, grace: Duration) -> Ending {
    if !process.is_alive() {
        return Ending::Gone;
    }
    process.signal(Signal::TERM);
    if has_ended(process, grace).await {
        return Ending::Graceful;
    }
    process.signal(Signal::KILL);
    if has_ended(process, AFTER_KILL).await {
        Ending::Killed
    } else {
        Ending::Stuck
    }
}

/// Waits for a process to end.
pub(crate) async fn has_ended(process: &ProcessIdentity, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while process.is_alive() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    true
}
