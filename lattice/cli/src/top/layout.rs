//! Which columns are shown, and how wide. Pure.

use super::table::{Cell, Room, Row, Rows};

/// Between two columns.
const GAP: usize = 2;
/// Text is not cut below this.
const CUT_MIN: usize = 8;

/// A column as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Which of the table's.
    pub(super) column: usize,
    pub(super) width: usize,
    is_right: bool,
}

/// Decides for a width; none for as wide as it comes.
pub(super) fn layout(table: &Rows, width: Option<usize>) -> Vec<Shown> {
    let natural = |column: usize| Shown {
        column,
        width: natural_width(table, column),
        is_right: is_right(table, column),
    };
    let columns = || table.columns.iter().enumerate();
    let mut shown: Vec<Shown> = (0..table.columns.len())
        .filter(|column| table.needs(*column))
        .map(natural)
        .collect();
    for (index, _) in columns().filter(|(_, column)| column.room == Room::Wide) {
        let wide = natural(index);
        if width.is_none_or(|width| total(&shown) + GAP + wide.width <= width) {
            shown.push(wide);
        }
    }
    shown.sort_by_key(|shown| shown.column);
    if let Some(width) = width {
        cut(table, &mut shown, width);
    }
    shown
}

/// Narrows the widest text, column by column, until all fits or nothing can be cut any more.
fn cut(table: &Rows, shown: &mut [Shown], width: usize) {
    while total(shown) > width {
        let texts = shown
            .iter_mut()
            .filter(|shown| table.columns[shown.column].room == Room::Cut);
        match texts
            .max_by_key(|shown| shown.width)
            .filter(|widest| widest.width > CUT_MIN)
        {
            Some(widest) => widest.width -= 1,
            None => return,
        }
    }
}

fn total(shown: &[Shown]) -> usize {
    shown.iter().map(|shown| shown.width).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

fn natural_width(table: &Rows, column: usize) -> usize {
    let cells = table.rows.iter().map(|row| letters(&row.cells[column].text));
    let title = letters(table.columns[column].title);
    let narrowest = title.max(table.columns[column].width_min);
    cells.max().unwrap_or_default().max(narrowest)
}

/// Numbers stand at the right of their column.
fn is_right(table: &Rows, column: usize) -> bool {
    table.rows.iter().any(|row| row.cells[column].number.is_some())
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// The titles, each as wide as its column, with the gap after it.
pub(super) fn titles(table: &Rows, shown: &[Shown]) -> Vec<String> {
    let title = |shown: &Shown| fit(table.columns[shown.column].title, *shown);
    shown.iter().map(title).collect()
}

/// The cells of a row, as wide as their columns, with the gap after each.
pub(super) fn cells<'a>(row: &'a Row, shown: &[Shown]) -> Vec<(String, &'a Cell)> {
    let cell = |shown: &Shown| {
        let cell = &row.cells[shown.column];
        (fit(&cell.text, *shown), cell)
    };
    shown.iter().map(cell).collect()
}

fn fit(text: &str, shown: Shown) -> String {
    let width = shown.width;
    let text = match letters(text) > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    };
    let gap = " ".repeat(GAP);
    match shown.is_right {
        true => format!("{text:>width$}{gap}"),
        false => format!("{text:width$}{gap}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::table::{Column, Tone},
        *,
    };

    const fn column(title: &'static str, room: Room) -> Column {
        Column {
            title,
            room,
            width_min: 0,
            is_name: false,
        }
    }

    const COLUMNS: &[Column] = &[
        column("NAME", Room::Cut),
        column("ODD", Room::Spare),
        column("N", Room::Full),
        column("MORE", Room::Wide),
    ];

    fn table(names: &[&str], tone: Tone) -> Rows {
        let cell = |text: &str, number, tone| Cell {
            text: text.to_owned(),
            number,
            tone,
        };
        let row = |name: &&str| Row {
            cells: vec![
                cell(name, None, Tone::Plain),
                cell("0", Some(0.0), tone),
                cell("12", Some(12.0), Tone::Plain),
                cell("more", None, Tone::Plain),
            ],
        };
        Rows {
            columns: COLUMNS,
            rows: names.iter().map(row).collect(),
        }
    }

    fn lines(table: &Rows, width: Option<usize>) -> Vec<String> {
        let shown = layout(table, width);
        let rows = table
            .rows
            .iter()
            .map(|row| cells(row, &shown).into_iter().map(|(text, _)| text).collect());
        let all = std::iter::once(titles(table, &shown).concat()).chain(rows);
        all.map(|line: String| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn what_is_ordinary_or_does_not_fit_gives_way() {
        let names = ["a", "a-name-that-is-long"];
        let all = lines(&table(&names, Tone::Bad), None);
        assert_eq!(all[0], "NAME                 ODD   N  MORE");
        assert_eq!(all[1], "a                      0  12  more");
        assert_eq!(
            lines(&table(&names, Tone::Ordinary), Some(40))[0],
            "NAME                  N  MORE"
        );
        let narrow = lines(&table(&names, Tone::Ordinary), Some(16));
        assert_eq!(narrow, ["NAME           N", "a             12", "a-name-that…  12"]);
        // Nothing is cut to nothing.
        assert_eq!(lines(&table(&names, Tone::Bad), Some(3))[2], "a-name-…    0  12");
    }
}
