//! What is on the screen and what keys change of it. Pure.

use std::{cmp::Ordering, sync::Arc};

use super::{
    act::{Act, Step, View},
    table::{Row, Rows},
};
use crate::overview::Overview;

/// What is on the screen.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) view: View,
    pub(super) filter: String,
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    pub(super) is_helping: bool,
    /// What is shown.
    overview: Arc<Overview>,
    /// What came last. More than what is shown only while paused.
    latest: Arc<Overview>,
    /// Of each table, the column it is sorted by.
    sorted: [usize; 3],
    /// Of each table, how many rows are above the screen.
    above: [usize; 3],
    /// How many rows fit on the screen.
    page: usize,
}

impl Model {
    /// Shows hosts by name, the rest by how much goes on.
    pub(super) fn new(overview: Arc<Overview>) -> Self {
        let busiest = |view: View| {
            let columns = view.rows(&Overview::default()).columns;
            columns
                .iter()
                .position(|column| column.title == "CALLS/S")
                .unwrap_or_default()
        };
        Self {
            view: View::Hosts,
            filter: String::new(),
            is_typing: false,
            is_paused: false,
            is_helping: false,
            latest: Arc::clone(&overview),
            overview,
            sorted: [0, busiest(View::Actors), busiest(View::Links)],
            above: [0; 3],
            page: usize::MAX,
        }
    }

    /// What is shown.
    pub(super) fn overview(&self) -> &Overview {
        &self.overview
    }

    /// Takes what is new.
    pub(super) fn hear(&mut self, overview: Arc<Overview>) {
        self.latest = overview;
        if !self.is_paused {
            self.overview = Arc::clone(&self.latest);
        }
    }

    /// Learns how many rows fit.
    pub(super) fn fits(&mut self, page: usize) {
        self.page = page.max(1);
        self.scroll_to(self.above());
    }

    /// How many rows of this table are above the screen.
    pub(super) fn above(&self) -> usize {
        self.above[self.view as usize]
    }

    /// The title of the column that a table is sorted by.
    pub(super) fn sorted_by(&self, view: View) -> &'static str {
        view.rows(&Overview::default()).columns[self.sorted[view as usize]].title
    }

    /// A table as it is shown: filtered and sorted.
    pub(super) fn table(&self, view: View) -> Rows {
        let mut table = view.rows(&self.overview);
        let wanted = self.filter.to_lowercase();
        let is_wanted = |row: &Row| {
            let mut named = table
                .columns
                .iter()
                .zip(&row.cells)
                .filter(|(column, _)| column.is_name);
            named.any(|(_, cell)| cell.text.to_lowercase().contains(&wanted))
        };
        table.rows.retain(is_wanted);
        let by = self.sorted[view as usize];
        table.rows.sort_by(|a, b| order(a, b, by));
        table
    }

    /// Does what somebody wants.
    pub(super) fn act(&mut self, act: Act) -> Step {
        match act {
            Act::Quit => return Step::End,
            Act::Leave if self.is_helping => self.is_helping = false,
            Act::Leave if self.is_typing => {
                self.is_typing = false;
                self.filter.clear();
            }
            Act::Leave => return Step::End,
            Act::Help => self.is_helping = !self.is_helping,
            Act::Next => self.view = self.view.beside(1),
            Act::Previous => self.view = self.view.beside(View::ALL.len() - 1),
            Act::Show(view) => self.view = view,
            Act::Up => self.scroll_to(self.above().saturating_sub(1)),
            Act::Down => self.scroll_to(self.above().saturating_add(1)),
            Act::PageUp => self.scroll_to(self.above().saturating_sub(self.page)),
            Act::PageDown => self.scroll_to(self.above().saturating_add(self.page)),
            Act::First => self.scroll_to(0),
            Act::Last => self.scroll_to(usize::MAX),
            Act::Sort => self.sort_by_next(),
            Act::Pause => {
                self.is_paused = !self.is_paused;
                self.hear(Arc::clone(&self.latest));
            }
            Act::Filter => self.is_typing = true,
            Act::Type(letter) => self.filter.push(letter),
            Act::Erase => _ = self.filter.pop(),
            Act::Keep => self.is_typing = false,
        }
        Step::Stay
    }

    fn scroll_to(&mut self, above: usize) {
        let rows = self.table(self.view).rows.len();
        self.above[self.view as usize] = above.min(rows.saturating_sub(self.page));
    }

    /// Columns in which all is the same, or which have no room, are passed over.
    fn sort_by_next(&mut self) {
        let table = self.view.rows(&self.overview);
        let (now, count) = (self.sorted[self.view as usize], table.columns.len());
        let mut after = (1..=count).map(|step| (now + step) % count);
        self.sorted[self.view as usize] = after.find(|column| table.needs(*column)).unwrap_or(now);
        self.scroll_to(0);
    }
}

/// Names go up, numbers go down: the busiest is what people look for. Equals stay by name.
fn order(a: &Row, b: &Row, by: usize) -> Ordering {
    let (one, other) = (&a.cells[by], &b.cells[by]);
    let sorted = match (one.number, other.number) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        _ => one.text.cmp(&other.text),
    };
    let names = || {
        a.cells
            .iter()
            .map(|cell| &cell.text)
            .cmp(b.cells.iter().map(|cell| &cell.text))
    };
    sorted.then_with(names)
}

#[cfg(test)]
mod tests {
    use super::{super::golden::overview, *};

    fn names(model: &Model) -> Vec<String> {
        let table = model.table(model.view);
        table.rows.iter().map(|row| row.cells[0].text.clone()).collect()
    }

    #[test]
    fn tables_are_sorted_by_the_column_people_choose() {
        let mut model = Model::new(Arc::new(overview()));
        assert_eq!(
            (names(&model), model.sorted_by(View::Hosts)),
            (vec!["cloud".into(), "edge".into(), "pi".into()], "HOST")
        );
        model.act(Act::Sort);
        model.act(Act::Sort);
        assert_eq!(
            (names(&model), model.sorted_by(View::Hosts)),
            (vec!["pi".into(), "cloud".into(), "edge".into()], "CPU")
        );

        model.act(Act::Next);
        assert_eq!(model.sorted_by(View::Actors), "CALLS/S");
        assert_eq!(names(&model)[..2], ["cart", "hello"]);
        for _ in 0..ROUND {
            model.act(Act::Sort);
        }
        assert_eq!(model.sorted_by(View::Actors), "CALLS/S", "it goes round");
    }

    /// So many columns of actors are shown.
    const ROUND: usize = 10;

    #[test]
    fn a_filter_looks_at_names() {
        let mut model = Model::new(Arc::new(overview()));
        model.act(Act::Show(View::Actors));
        model.act(Act::Filter);
        "ART".chars().for_each(|letter| _ = model.act(Act::Type(letter)));
        assert_eq!(names(&model), ["cart"]);
        model.act(Act::Keep);
        assert!(!model.is_typing);
        model.act(Act::Filter);
        model.act(Act::Erase);
        assert_eq!((model.filter.as_str(), model.is_typing), ("AR", true));
        assert_eq!(model.act(Act::Leave), Step::Stay);
        assert!(model.filter.is_empty() && !model.is_typing);
        assert_eq!(model.act(Act::Leave), Step::End);
    }

    #[test]
    fn scrolling_stays_within_the_table() {
        let mut model = Model::new(Arc::new(overview()));
        model.act(Act::Show(View::Actors));
        let all = names(&model).len();
        model.fits(2);
        model.act(Act::Last);
        assert_eq!(model.above(), all - 2);
        model.act(Act::PageUp);
        assert_eq!(model.above(), all - 4);
        model.act(Act::Down);
        assert_eq!(model.above(), all - 3);
        model.fits(100);
        assert_eq!(model.above(), 0);
        model.act(Act::Up);
        assert_eq!(model.above(), 0);
    }

    #[test]
    fn a_pause_keeps_the_picture_and_its_end_shows_the_last() {
        let (old, new) = (overview(), Overview { at_ms: 9, ..overview() });
        let mut model = Model::new(Arc::new(old.clone()));
        model.act(Act::Pause);
        model.hear(Arc::new(new));
        assert_eq!(model.overview().at_ms, old.at_ms);
        model.act(Act::Pause);
        assert_eq!(model.overview().at_ms, 9);
    }

    #[test]
    fn tabs_go_both_ways_and_help_closes_first() {
        let mut model = Model::new(Arc::new(Overview::default()));
        model.act(Act::Previous);
        assert_eq!(model.view, View::Links);
        model.act(Act::Next);
        assert_eq!(model.view, View::Hosts);
        model.act(Act::Help);
        assert_eq!((model.act(Act::Leave), model.is_helping), (Step::Stay, false));
        assert_eq!(model.act(Act::Quit), Step::End);
    }
}
