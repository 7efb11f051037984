//! Ways to break it on purpose, for the fault matrix: it can strike within any phase of a move, and show that it would notice a missing
//! fence. No host that is meant for use has this compiled in.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::moves::Phase;

/// A move is held no longer than this, should whoever holds it forget it.
const HOLD_MAX: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(2);

static NO_FENCE: AtomicBool = AtomicBool::new(false);
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// From here on, records are written whoever wrote them last.
pub fn remove_the_fence() {
    NO_FENCE.store(true, Ordering::Release);
}

/// From here on, moves are held as that folder says: the first to reach the phase `P` when there is a file `hold-P` renames it to `held`,
/// and goes on when that is gone.
pub fn hold_moves(folder: PathBuf) {
    let _ = FOLDER.set(folder);
}

pub(crate) fn is_without_fence() -> bool {
    NO_FENCE.load(Ordering::Acquire)
}

pub(crate) async fn reached(phase: Phase) {
    let Some(folder) = FOLDER.get() else { return };
    let held = folder.join("held");
    if std::fs::rename(folder.join(format!("hold-{}", phase.name())), &held).is_err() {
        return;
    }
    let until = Instant::now() + HOLD_MAX;
    while held.exists() && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}
