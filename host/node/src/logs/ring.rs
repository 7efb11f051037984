//! The last lines of one actor.

use std::collections::VecDeque;
use std::sync::Arc;

use lattice_control::LogLine;

/// The most lines.
pub(super) const LINES_MAX: usize = 1000;

/// The most bytes, what it takes to keep each line included.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// What a line takes beside its texts.
const OVERHEAD: usize = 160;

/// The last lines of one actor, within both bounds. The last is kept whatever its size.
#[derive(Default)]
pub(super) struct Ring {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
}

impl Ring {
    /// Adds a line, and lets go of the oldest that have no room any more.
    pub(super) fn push(&mut self, line: Arc<LogLine>) {
        self.bytes += weight(&line);
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || (self.bytes > BYTES_MAX && self.lines.len() > 1) {
            if let Some(oldest) = self.lines.pop_front() {
                self.bytes -= weight(&oldest);
            }
        }
    }

    /// The lines, the oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<LogLine>> {
        self.lines.iter()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the last line.
    pub(super) fn last(&self) -> u64 {
        self.lines.back().map_or(0, |line| line.number)
    }
}

/// The bytes that a line takes.
pub(super) fn weight(line: &LogLine) -> usize {
    OVERHEAD + line.context.len() + line.message.len()
}
