//! Random numbers for what need not be secret: choices, and the ids of calls.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static STATE: LazyLock<AtomicU64> = LazyLock::new(|| {
    let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
    AtomicU64::new(seed)
});

/// The next number (SplitMix64). No system call, unlike a random UUID.
pub(crate) fn roll() -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = STATE.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
