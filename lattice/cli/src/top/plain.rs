//! The same tables as text, once: for pipes, files and people without a terminal.

use std::{fmt::Write, sync::Arc};

use super::{
    act::View,
    draw::counted,
    layout::{cells, layout, titles},
    model::Model,
    numbers::{per_second, time_of_day},
};
use crate::overview::Overview;

/// Writes all tables below each other, as wide as they come.
pub(crate) fn plain(overview: &Overview) -> String {
    let model = Model::new(Arc::new(overview.clone()));
    let mut text = format!(
        "{}   {}   {}   {} calls/s   {} failed/s   {}\n",
        overview.lattice,
        counted(overview.hosts.len(), "host"),
        counted(model.table(View::Actors).rows.len(), "actor"),
        per_second(overview.traffic.calls),
        per_second(overview.traffic.failed),
        time_of_day(overview.at_ms),
    );
    for view in View::ALL {
        let table = model.table(view);
        if table.rows.is_empty() {
            continue;
        }
        let shown = layout(&table, None);
        let row = |row| cells(row, &shown).into_iter().map(|(text, _)| text).collect::<String>();
        text.push('\n');
        for line in std::iter::once(titles(&table, &shown).concat()).chain(table.rows.iter().map(row)) {
            writeln!(text, "{}", line.trim_end()).expect("a string takes all");
        }
    }
    text
}
