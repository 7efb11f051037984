//! What tables are made of.

use super::numbers::{micros, per_second};
use crate::{output::one_line, overview::Rate};

/// A table: all that there is to show of one sort, in no order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Row>,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// One per column.
    pub(super) cells: Vec<Cell>,
}

/// A column, and how it gives way when there is little room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) room: Room,
    /// It is never narrower: what changes at every look shall not push the rest about.
    pub(super) width_min: usize,
    /// Whether a filter looks at it.
    pub(super) is_name: bool,
}

/// What becomes of a column when there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Always shown in full.
    Full,
    /// Text is cut.
    Cut,
    /// Shown only where something in it is out of the ordinary.
    Spare,
    /// Shown only where there is room to spare.
    Wide,
}

/// One thing in a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What it is sorted by; text if it is none.
    pub(super) number: Option<f64>,
    pub(super) tone: Tone,
}

/// How a thing is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it comes.
    Plain,
    /// As it should be; needs no place where there is none.
    Ordinary,
    /// Somebody may want to look at it.
    Odd,
    /// Something is wrong.
    Bad,
}

/// A column of names, which people filter by.
pub(super) const fn name(title: &'static str) -> Column {
    Column {
        title,
        room: Room::Cut,
        width_min: 0,
        is_name: true,
    }
}

/// A column of words.
pub(super) const fn column(title: &'static str, room: Room) -> Column {
    Column {
        title,
        room,
        width_min: 0,
        is_name: false,
    }
}

/// A column of numbers, the longest of which has so many letters.
pub(super) const fn numbers(title: &'static str, width_min: usize, room: Room) -> Column {
    Column {
        width_min,
        ..column(title, room)
    }
}

impl Rows {
    /// Whether a column is shown however little room there is.
    pub(super) fn needs(&self, column: usize) -> bool {
        match self.columns[column].room {
            Room::Full | Room::Cut => true,
            Room::Spare => self.rows.iter().any(|row| row.cells[column].tone != Tone::Ordinary),
            Room::Wide => false,
        }
    }
}

impl Cell {
    /// Words, made fit for a terminal.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: one_line(text.into()),
            number: None,
            tone: Tone::Plain,
        }
    }

    /// What is sorted as a number.
    pub(super) fn number(text: String, number: f64) -> Self {
        Self {
            text,
            number: Some(number),
            tone: Tone::Plain,
        }
    }

    /// A count in any form.
    #[expect(clippy::cast_precision_loss, reason = "for sorting only")]
    pub(super) fn count(text: String, count: u64) -> Self {
        Self::number(text, count as f64)
    }

    /// Calls a second.
    pub(super) fn calls(rate: Rate) -> Self {
        Self::number(per_second(rate.calls), rate.calls)
    }

    /// Failed calls a second.
    pub(super) fn failed(rate: Rate) -> Self {
        let tone = if rate.failed > 0.0 { Tone::Bad } else { Tone::Ordinary };
        Self::number(per_second(rate.failed), rate.failed).toned(tone)
    }

    /// How long calls took, if there were any.
    pub(super) fn took(took: Option<u64>) -> Self {
        match took {
            Some(took) => Self::count(micros(took), took),
            None => Self::number("-".to_owned(), -1.0),
        }
    }

    /// The same, to be taken so.
    pub(super) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}
