//! How much is measured.

use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Writes and requests of the baselines.
    pub(super) baseline: usize,
    /// Moves of one small actor.
    pub(super) moves: usize,
    /// Moves of one large actor, and its cells of a mebibyte.
    pub(super) large_moves: usize,
    pub(super) large_cells: usize,
    /// Actors that move together.
    pub(super) herd: usize,
    /// Hosts that are lost with one actor in use.
    pub(super) crashes: usize,
    /// Actors in use on a host that is lost.
    pub(super) bereaved: usize,
    /// Warm calls in one round, and rounds.
    pub(super) calls: usize,
    pub(super) rounds: usize,
    /// How long one round of busy keys lasts.
    pub(super) busy: Duration,
    /// Actors that are awake together.
    pub(super) awake: usize,
    /// Keys that are touched once where not all of them have room, and how many of them are looked at afterwards.
    pub(super) touched: usize,
    pub(super) checked: usize,
    /// The linear memory that those may have.
    pub(super) memory_max: u64,
}

impl Scale {
    const FULL: Self = Self {
        baseline: 1_000,
        moves: 100,
        large_moves: 10,
        large_cells: 15,
        herd: 1_000,
        crashes: 5,
        bereaved: 500,
        calls: 500,
        rounds: 8,
        busy: Duration::from_secs(5),
        awake: 10_000,
        touched: 200_000,
        checked: 20_000,
        memory_max: 1 << 30,
    };

    const QUICK: Self = Self {
        baseline: 100,
        moves: 20,
        large_moves: 3,
        large_cells: 15,
        herd: 100,
        crashes: 1,
        bereaved: 50,
        calls: 100,
        rounds: 2,
        busy: Duration::from_secs(1),
        awake: 500,
        touched: 1_000,
        checked: 100,
        memory_max: 128 << 20,
    };

    /// The full one, unless `LATTICE_BENCH_QUICK` asks for less.
    pub(super) fn chosen() -> Self {
        let quick = std::env::var_os("LATTICE_BENCH_QUICK").is_some_and(|value| !value.is_empty() && value != "0");
        if quick { Self::QUICK } else { Self::FULL }
    }
}
