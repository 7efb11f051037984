//! Columns for people, in the manner of kubectl: no borders, nothing wrapped, easy to cut and grep.

/// Between two columns.
const GAP: &str = "   ";

/// A column's title and when it is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Column {
    title: &'static str,
    wide_only: bool,
}

impl Column {
    /// A column that is always shown.
    pub(crate) const fn always(title: &'static str) -> Self {
        Self {
            title,
            wide_only: false,
        }
    }

    /// A column of `-o wide`.
    pub(crate) const fn wide(title: &'static str) -> Self {
        Self { title, wide_only: true }
    }
}

/// Rows under columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Builds a table without rows.
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell per column, wide ones included.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "one cell per column");
        self.rows.push(cells.map(one_line).into());
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lays it out.
    pub(crate) fn render(&self, wide: bool) -> String {
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|&i| wide || !self.columns[i].wide_only)
            .collect();
        let titles = self
            .columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect::<Vec<_>>();
        let lines = || std::iter::once(&titles).chain(&self.rows);
        let width = |i: usize| lines().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = shown.iter().map(|&i| width(i)).collect();
        let mut text = String::new();
        for row in lines() {
            let cells = shown
                .iter()
                .zip(&widths)
                .map(|(&i, &width)| format!("{:width$}{GAP}", row[i]));
            text.push_str(cells.collect::<String>().trim_end());
            text.push('\n');
        }
        text
    }
}

/// Cells hold names that others chose: a newline or an escape sequence must not break the table or the terminal.
pub(crate) fn one_line(cell: String) -> String {
    if cell.chars().any(char::is_control) {
        return cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    if cell.is_empty() { "-".to_owned() } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::always("NAME"), Column::wide("ID"), Column::always("STATE")];

    #[test]
    fn lays_out_columns() {
        let mut table = Table::new(COLUMNS);
        table.row(["a".into(), "N1".into(), "ready".into()]);
        table.row(["longer".into(), String::new(), "x\u{1b}[31m\ny".into()]);
        assert_eq!(
            table.render(false),
            "NAME     STATE\na        ready\nlonger   x [31m y\n"
        );
        assert_eq!(
            table.render(true),
            "NAME     ID   STATE\na        N1   ready\nlonger   -    x [31m y\n"
        );
    }
}
