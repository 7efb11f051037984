//! Breaks the fence on purpose: the fault matrix shows that it notices.

use std::sync::atomic::{AtomicBool, Ordering};

static ON: AtomicBool = AtomicBool::new(false);

/// From here on, records are written whoever wrote them last.
pub fn remove_the_fence() {
    ON.store(true, Ordering::Release);
}

pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Acquire)
}
