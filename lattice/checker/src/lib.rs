//! Judges what the clients of a distributed system saw while it was made to fail.
//!
//! Clients record each operation when they begin it and when they know how it ended ([`Recorder`]). What comes of it is a [`History`], and a
//! judge says whether a system that keeps its promises could have answered like that: [`counter::judge`] for a number that is added to,
//! [`ledger::judge`] for a list that is appended to, [`bank::judge`] for money that travels between accounts. A [`Verdict`] names each
//! promise that was broken and the operations that show it.
//!
//! An operation of which the client never heard may have happened at any time after it began, or never, and a judge allows both. So no
//! verdict is ever wrong because of a timeout; a history in which every answer was lost is always good.
//!
//! ```
//! use lattice_checker::Recorder;
//! use lattice_checker::counter::{self, CounterOp};
//!
//! let recorder = Recorder::new();
//! let first = recorder.begin(1, "counter/a", CounterOp::Add(1));
//! recorder.ok(first, 1);
//! let lost = recorder.begin(2, "counter/a", CounterOp::Add(1));
//! recorder.unknown(lost);
//! let read = recorder.begin(1, "counter/a", CounterOp::Get);
//! recorder.ok(read, 0);
//!
//! // The unknown addition may be missing, the acknowledged one may not.
//! let verdict = counter::judge(&recorder.history());
//! assert_eq!(verdict.faults().collect::<Vec<_>>(), [&counter::Fault::LostUpdate]);
//! println!("{verdict}");
//! ```
//!
//! A history is kept as JSON lines ([`History::write_json_lines`]), so that what failed can be judged again by a better judge.
//!
//! The crate does no I/O besides that and knows nothing of the lattice. Its test `ownership` is about the lattice all the same: a model of
//! how stateful actors are owned, stolen and moved, searched exhaustively.

// What is recorded.
mod history;
mod op;
mod recorder;

// What is said of it.
mod verdict;

// The judges.
pub mod bank;
pub mod counter;
pub mod ledger;

pub use history::{History, ReadHistoryError};
pub use op::{Client, Op, OpId, Operation, Outcome};
pub use recorder::Recorder;
pub use verdict::{Finding, Verdict};
