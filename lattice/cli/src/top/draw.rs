//! The screen, line by line. Decides nothing but where things stand and how they look.

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Widget,
};

use super::{
    act::View,
    layout::{cells, layout, titles},
    model::Model,
    numbers::{per_second, time_of_day},
    table::{Row, Rows, Tone},
};
use crate::{output::one_line, overview::Overview};

/// Lines above the rows: what the lattice does, which table this is, titles.
const ABOVE: u16 = 3;
/// Lines below them: what keys do, or what is wrong.
const BELOW: u16 = 1;
/// Actors are shown below the hosts when so many of their rows fit, after an empty line and the titles.
const SECOND_MIN: usize = 2;

const HINTS: &str = "q quit   Tab next   s sort   / filter   p pause   ? help";

const HELP: [(&str, &str); 11] = [
    ("q, Esc, Ctrl-C", "ends"),
    ("Tab, 1, 2, 3", "hosts, actors, links"),
    ("arrows, j, k", "scroll by a line"),
    ("PgUp, PgDn", "scroll by a screen; Home and End to the ends"),
    ("s", "sorts by the next column"),
    ("/", "only what has this in its name; Enter keeps, Esc clears it"),
    ("p, space", "keeps the picture, until pressed again"),
    ("", ""),
    ("BUSY", "calls that an actor serves now, and can serve at a time"),
    ("AWAKE", "keys of an actor with state that live somewhere now"),
    (
        "P50, P99",
        "what 50 or 99 of 100 calls took at most, to a factor of two",
    ),
];

/// How many rows of a table fit.
pub(super) fn page(height: u16) -> usize {
    height.saturating_sub(ABOVE + BELOW).max(1).into()
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, palette: Palette) {
    let screen = Screen {
        area: frame.area(),
        palette,
    };
    screen.draw(frame.buffer_mut(), model);
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Palette {
    Colours,
    Plain,
}

impl Palette {
    fn tone(self, tone: Tone) -> Style {
        let style = Style::new();
        match (self, tone) {
            (_, Tone::Plain | Tone::Ordinary) => style,
            (Self::Colours, Tone::Odd) => style.fg(Color::Yellow),
            (Self::Colours, Tone::Bad) => style.fg(Color::Red),
            (Self::Plain, Tone::Odd | Tone::Bad) => style.add_modifier(Modifier::BOLD),
        }
    }
}

const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

struct Screen {
    area: Rect,
    palette: Palette,
}

impl Screen {
    fn draw(&self, buffer: &mut Buffer, model: &Model) {
        let mut lines = vec![self.header(model.overview()), self.tabs(model)];
        match model.is_helping {
            true => lines.extend(help()),
            false => lines.extend(self.tables(model)),
        }
        let last = self.area.height.saturating_sub(BELOW);
        for (y, line) in (0..last).zip(lines) {
            line.render(self.line(y), buffer);
        }
        self.footer(model).render(self.line(last), buffer);
    }

    fn line(&self, y: u16) -> Rect {
        let line = Rect {
            y: self.area.y + y,
            height: 1,
            ..self.area
        };
        line.intersection(self.area)
    }

    fn header(&self, overview: &Overview) -> Line<'static> {
        let failed = overview.traffic.failed;
        let failed_tone = if failed > 0.0 { Tone::Bad } else { Tone::Plain };
        let spans = [
            (one_line(overview.lattice.clone()), TITLE),
            (counted(overview.hosts.len(), "host"), Style::new()),
            (counted(super::rows::actors(overview).rows.len(), "actor"), Style::new()),
            (format!("{} calls/s", per_second(overview.traffic.calls)), Style::new()),
            (
                format!("{} failed/s", per_second(failed)),
                self.palette.tone(failed_tone),
            ),
        ];
        let left: Vec<Span<'_>> = spans
            .into_iter()
            .flat_map(|(text, style)| [Span::styled(text, style), Span::raw("   ")])
            .collect();
        self.with_right(left, Span::raw(time_of_day(overview.at_ms)))
    }

    fn tabs(&self, model: &Model) -> Line<'static> {
        let tab = |view: View| {
            let text = format!(" {} {} ", view as usize + 1, view.name());
            Span::styled(text, if view == model.view { CHOSEN } else { Style::new() })
        };
        let mut left: Vec<Span<'_>> = View::ALL.map(tab).into();
        left.push(Span::styled(format!("  by {}", model.sorted_by(model.view)), QUIET));
        if !model.filter.is_empty() && !model.is_typing {
            left.push(Span::raw(format!("   only {:?}", model.filter)));
        }
        let right = match model.is_paused {
            true => Span::styled(" paused ", CHOSEN),
            false => Span::raw(""),
        };
        self.with_right(left, right)
    }

    /// Text at the left, and something at the right if there is room.
    fn with_right(&self, left: Vec<Span<'static>>, right: Span<'static>) -> Line<'static> {
        let mut line = Line::from(left);
        let room = usize::from(self.area.width).saturating_sub(line.width());
        if let Some(gap) = room.checked_sub(right.width()) {
            line.push_span(Span::raw(" ".repeat(gap)));
            line.push_span(right);
        }
        line
    }

    fn tables(&self, model: &Model) -> Vec<Line<'static>> {
        let (table, page) = (model.table(model.view), page(self.area.height));
        let mut lines = self.table(&table, model.view, model, model.above(), page);
        // Most lattices have few hosts, and people look for what runs on them.
        let left = page.saturating_sub(table.rows.len().max(1));
        if model.view == View::Hosts && left >= SECOND_MIN + 2 {
            let actors = model.table(View::Actors);
            lines.push(Line::default());
            lines.extend(self.table(&actors, View::Actors, model, 0, left - 2));
        }
        lines
    }

    fn table(&self, table: &Rows, view: View, model: &Model, above: usize, page: usize) -> Vec<Line<'static>> {
        let shown = layout(table, Some(self.area.width.into()));
        let sorted_by = model.sorted_by(view);
        let title = |text: String| match text.trim() == sorted_by {
            true => Span::styled(text, TITLE.add_modifier(Modifier::UNDERLINED)),
            false => Span::styled(text, TITLE),
        };
        // An underline looks odd below a gap.
        let title = |text: String| {
            let (blank, word) = (text.len() - text.trim_start().len(), text.trim().to_owned());
            let rest = text.len() - blank - word.len();
            [Span::raw(" ".repeat(blank)), title(word), Span::raw(" ".repeat(rest))]
        };
        let titles: Vec<Span<'_>> = titles(table, &shown).into_iter().flat_map(title).collect();
        let row = |row: &Row| {
            let cells = cells(row, &shown).into_iter();
            Line::from_iter(cells.map(|(text, cell)| Span::styled(text, self.palette.tone(cell.tone))))
        };
        let mut lines = vec![Line::from(titles)];
        lines.extend(table.rows.iter().skip(above).take(page).map(row));
        if table.rows.is_empty() {
            lines.push(Line::styled(nothing(view, model), QUIET));
        }
        lines
    }

    fn footer(&self, model: &Model) -> Line<'static> {
        let overview = model.overview();
        if model.is_typing {
            return Line::from(format!("/{}_", model.filter));
        }
        if let Some(trouble) = &overview.trouble {
            let text = format!(
                "{}; this is from {}",
                one_line(trouble.clone()),
                time_of_day(overview.at_ms)
            );
            return Line::styled(text, self.palette.tone(Tone::Bad));
        }
        if !overview.silent.is_empty() {
            let text = format!("no answer from {}", one_line(overview.silent.join(", ")));
            return Line::styled(text, self.palette.tone(Tone::Odd));
        }
        self.with_right(vec![Span::styled(HINTS, QUIET)], Span::styled(self.place(model), QUIET))
    }

    /// Which rows these are, when not all of them.
    fn place(&self, model: &Model) -> String {
        let (all, above, page) = (
            model.table(model.view).rows.len(),
            model.above(),
            page(self.area.height),
        );
        match all > page {
            true => format!("{}-{} of {all}", above + 1, (above + page).min(all)),
            false => String::new(),
        }
    }
}

fn help() -> impl Iterator<Item = Line<'static>> {
    let line = |(keys, does): (&str, &str)| {
        Line::from(vec![
            Span::styled(format!("  {keys:<16}"), TITLE),
            Span::raw(does.to_owned()),
        ])
    };
    std::iter::once(Line::default()).chain(HELP.into_iter().map(line))
}

fn nothing(view: View, model: &Model) -> String {
    match (view, model.filter.is_empty()) {
        (_, false) => format!("no {} with {:?} in their names", view.name(), model.filter),
        (View::Hosts, true) => "no hosts: start one with `lattice up`".to_owned(),
        (View::Actors, true) => "no actors: start one with `lattice start actor`".to_owned(),
        (View::Links, true) => "no links: make one with `lattice link put`".to_owned(),
    }
}

pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
