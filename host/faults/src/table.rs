//! What came of all rounds, as a table.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::Fault;
use crate::round::{Moment, Outcome};

/// Faults down, moments across.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(Fault, Row)>,
}

#[derive(Debug, Default)]
struct Row {
    cells: BTreeMap<Moment, Cell>,
    silence: Duration,
    moves: usize,
    lost_moves: usize,
    answered: usize,
    unknown: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    rounds: usize,
    bad: usize,
}

impl Table {
    /// Takes in a round.
    pub(crate) fn add(&mut self, fault: Fault, outcome: &Outcome) {
        let place = self.rows.iter().position(|(one, _)| *one == fault);
        let place = place.unwrap_or_else(|| {
            self.rows.push((fault, Row::default()));
            self.rows.len() - 1
        });
        let row = &mut self.rows[place].1;
        let cell = row.cells.entry(outcome.moment).or_default();
        cell.rounds += 1;
        cell.bad += usize::from(!outcome.violations.is_empty());
        row.silence = row.silence.max(outcome.silence);
        row.moves += outcome.moves;
        row.lost_moves += outcome.lost_moves.len();
        row.answered += outcome.answered;
        row.unknown += outcome.unknown;
    }

    /// Prints it: in each cell the rounds, and how many of them broke a promise.
    pub(crate) fn print(&self) {
        print!("\n{:<20}", "fault \\ phase of a move");
        for moment in Moment::all() {
            print!("{moment:>9}");
        }
        println!("{:>10}{:>12}{:>10}{:>9}", "silent", "lost moves", "answered", "unknown");
        for (fault, row) in &self.rows {
            print!("{fault:<20}");
            for moment in Moment::all() {
                let cell = row.cells.get(&moment);
                print!(
                    "{:>9}",
                    cell.map_or_else(|| "-".to_owned(), |cell| format!("{}/{}", cell.rounds, cell.bad))
                );
            }
            println!(
                "{:>10}{:>12}{:>10}{:>9}",
                format!("{:.2} s", row.silence.as_secs_f64()),
                format!("{}/{}", row.lost_moves, row.moves),
                row.answered,
                row.unknown
            );
        }
        println!("\ncells: rounds/rounds with violations");
    }

    /// Rounds in which a promise was broken.
    pub(crate) fn bad(&self) -> usize {
        self.rows
            .iter()
            .flat_map(|(_, row)| row.cells.values())
            .map(|cell| cell.bad)
            .sum()
    }
}
