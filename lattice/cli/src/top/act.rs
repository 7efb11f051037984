//! What can be shown, and what can be wanted.

use super::{rows, table::Rows};
use crate::overview::Overview;

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Hosts,
    Actors,
    Links,
}

impl View {
    pub(super) const ALL: [Self; 3] = [Self::Hosts, Self::Actors, Self::Links];

    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Actors => "actors",
            Self::Links => "links",
        }
    }

    /// What it says.
    pub(super) fn rows(self, overview: &Overview) -> Rows {
        match self {
            Self::Hosts => rows::hosts(overview),
            Self::Actors => rows::actors(overview),
            Self::Links => rows::links(overview),
        }
    }

    /// The one so many further, round and round.
    pub(super) fn beside(self, step: usize) -> Self {
        Self::ALL[(self as usize + step) % Self::ALL.len()]
    }
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Quit,
    /// The next table.
    Next,
    /// The one before.
    Previous,
    Show(View),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Sorts by the next column.
    Sort,
    Pause,
    Help,
    /// Begins to type a filter.
    Filter,
    Type(char),
    Erase,
    /// Ends typing, and keeps the filter.
    Keep,
    /// Leaves what is open: the filter, the help, at last the program.
    Leave,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    End,
}
