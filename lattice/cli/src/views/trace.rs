//! A trace as a tree.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use lattice_core::TraceId;
use serde_json::{Value, json};

use super::logs::plain;
use crate::{
    output::{Document, for_programs},
    traces::{HostSpan, Line, Lines, Place},
};

/// Between two columns.
const GAP: &str = "  ";
/// A shorter bar says nothing.
const BAR_MIN: usize = 8;
/// A longer one says no more.
const BAR_MAX: usize = 40;
/// Less of a span's name says nothing.
const NAME_MIN: usize = 16;
/// What every call says again: its name, and that it is one of ours.
const SAID_ALREADY: &[&str] = &["error.message", "error.type", "rpc.method", "rpc.system.name"];

/// How much of a trace is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// What is known of each span, too.
    pub(crate) wide: bool,
    /// How wide the terminal is, if there is one.
    pub(crate) width: Option<usize>,
}

/// Shows the spans of a trace.
pub(crate) fn trace(id: TraceId, spans: &[HostSpan], left_out: u64, shown: Shown) -> Result<Document> {
    let content = json!({ "trace_id": id, "left_out": left_out, "spans": spans });
    let text = tree(id, spans, left_out, shown);
    Document::single("Trace", format!("trace/{id}"), &for_programs(&content)?, text)
}

/// A span as one line of JSON.
pub(crate) fn span_json(span: &HostSpan) -> serde_json::Result<String> {
    Ok(serde_json::to_string(span)? + "\n")
}

/// How long something took, in three digits or so.
pub(super) fn took(nanoseconds: u64) -> String {
    let duration = Duration::from_nanos(nanoseconds);
    match duration.as_micros() {
        0..1_000 => format!("{}µs", duration.as_micros()),
        // Rounded up it would be 1000.0ms.
        1_000..999_950 => format!("{:.1}ms", duration.as_secs_f64() * 1e3),
        999_950..60_000_000 => format!("{:.2}s", duration.as_secs_f64()),
        _ => lattice_core::text::format_duration(Duration::from_secs(duration.as_secs())),
    }
}

/// No more of a text than there is room for.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept = text.chars().take(room.saturating_sub(1));
    kept.chain(['…']).collect()
}

fn tree(id: TraceId, spans: &[HostSpan], left_out: u64, shown: Shown) -> String {
    let lines = Lines::of(spans);
    let rows: Vec<Row> = lines.lines.iter().map(Row::new).collect();
    let columns = Columns::of(&rows, shown.width);
    let mut text = title(id, spans, left_out, lines.took_ns) + "\n\n";
    for (nth, (row, line)) in rows.iter().zip(&lines.lines).enumerate() {
        text.push_str(&row.line(&columns, line, lines.took_ns));
        let Place::Span { span, .. } = line.place else { continue };
        let has_below = lines
            .lines
            .get(nth + 1)
            .is_some_and(|next| next.more.len() > line.more.len());
        let guides = guides(&line.more) + if has_below { "│  " } else { "   " };
        text.push_str(&below(span, &guides, shown));
    }
    text
}

fn title(id: TraceId, spans: &[HostSpan], left_out: u64, took_ns: u64) -> String {
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let mut hosts: Vec<&str> = spans.iter().map(|span| span.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let errors = spans.iter().filter(|span| span.span.error.is_some()).count();
    let mut title = format!(
        "trace {id}\n{} on {}, {}",
        count(spans.len(), "span"),
        count(hosts.len(), "host"),
        took(took_ns)
    );
    if errors > 0 {
        title.push_str(&format!(", {}", count(errors, "error")));
    }
    if left_out > 0 {
        title.push_str(&format!("; {left_out} more did not fit the answers of their hosts"));
    }
    title
}

/// One line in words, before its columns are known.
struct Row {
    name: String,
    host: String,
    offset: String,
    took: String,
}

impl Row {
    fn new(line: &Line<'_>) -> Self {
        let branch = branch(&line.more);
        match line.place {
            Place::Missing => Self {
                name: branch + "(parent not kept)",
                host: String::new(),
                offset: String::new(),
                took: String::new(),
            },
            Place::Span { span, offset_ns } => Self {
                name: branch + &plain(&span.span.name),
                host: plain(&span.host),
                offset: format!("+{}", took(offset_ns)),
                took: took(span.span.end_ns.saturating_sub(span.span.start_ns)),
            },
        }
    }

    fn line(&self, columns: &Columns, line: &Line<'_>, all_ns: u64) -> String {
        let Columns {
            name,
            host,
            offset,
            took,
            bar,
        } = *columns;
        let mut text = format!(
            "{:name$}{GAP}{:host$}{GAP}{:>offset$}{GAP}{:>took$}",
            cut(&self.name, name),
            self.host,
            self.offset,
            self.took
        );
        let (Place::Span { span, offset_ns }, true) = (&line.place, bar > 0) else {
            return text.trim_end().to_owned() + "\n";
        };
        let style = match span.span.error {
            Some(_) => red(),
            None => AnsiColor::Cyan.on_default(),
        };
        let took_ns = span.span.end_ns.saturating_sub(span.span.start_ns);
        let (before, length) = stretch(*offset_ns, took_ns, all_ns, bar);
        text.push_str(GAP);
        text.push_str(&" ".repeat(before));
        text.push_str(&format!("{style}{}{style:#}\n", "━".repeat(length)));
        text
    }
}

/// Where a bar begins among so many cells and how long it is; at least one.
fn stretch(offset_ns: u64, took_ns: u64, all_ns: u64, cells: usize) -> (usize, usize) {
    let all = u128::from(all_ns.max(1));
    let cell = |ns: u128| usize::try_from((ns * cells as u128 + all / 2) / all).unwrap_or(cells);
    let (from, to) = (u128::from(offset_ns), u128::from(offset_ns) + u128::from(took_ns));
    let before = cell(from).min(cells.saturating_sub(1));
    let length = cell(to).min(cells).saturating_sub(before).max(1);
    (before, length)
}

/// How wide each column is. A bar is shown where there is room beside all else.
struct Columns {
    name: usize,
    host: usize,
    offset: usize,
    took: usize,
    bar: usize,
}

impl Columns {
    fn of(rows: &[Row], width: Option<usize>) -> Self {
        let widest = |of: &dyn Fn(&Row) -> &String| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let mut columns = Self {
            name: widest(&|row| &row.name),
            host: widest(&|row| &row.host),
            offset: widest(&|row| &row.offset),
            took: widest(&|row| &row.took),
            bar: 0,
        };
        let Some(width) = width else { return columns };
        let besides = columns.host + columns.offset + columns.took + 3 * GAP.len();
        columns.name = columns.name.min(width.saturating_sub(besides)).max(NAME_MIN);
        let left = width.saturating_sub(besides + columns.name + GAP.len());
        columns.bar = if left >= BAR_MIN { left.min(BAR_MAX) } else { 0 };
        columns
    }
}

/// What stands below the line of a span: what went wrong, and what is known of it.
fn below(span: &HostSpan, guides: &str, shown: Shown) -> String {
    let mut text = String::new();
    // Who asks for all shall have it, also if lines wrap.
    let room = shown.width.filter(|_| !shown.wide).unwrap_or(usize::MAX);
    let room = room.saturating_sub(guides.chars().count()).max(NAME_MIN);
    if let Some(error) = &span.span.error {
        let what = match error.message.is_empty() {
            true => format!("ERROR {}", error.kind),
            false => format!("ERROR {}: {}", error.kind, error.message),
        };
        let red = red();
        text.push_str(&format!(
            "{guides}{red}{}{red:#}\n",
            cut(&plain(&what.replace('\n', " ")), room)
        ));
    }
    if !shown.wide {
        return text;
    }
    let dim = Style::new().dimmed();
    let mut say = |what: String| text.push_str(&format!("{guides}{dim}{}{dim:#}\n", plain(&what.replace('\n', " "))));
    for (name, value) in &span.span.attributes {
        if !SAID_ALREADY.contains(&name.as_str()) {
            say(format!("{name}={}", value_text(value)));
        }
    }
    for event in &span.span.events {
        let values = event.attributes.iter();
        let values: String = values
            .map(|(name, value)| format!(" {name}={}", value_text(value)))
            .collect();
        let after = took(event.at_ns.saturating_sub(span.span.start_ns));
        say(format!("event after {after}: {}{values}", event.name));
    }
    for link in &span.span.links {
        say(format!("see trace {}", link.trace_id));
    }
    text
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn branch(more: &[bool]) -> String {
    match more.split_last() {
        None => String::new(),
        Some((true, above)) => guides(above) + "├─ ",
        Some((false, above)) => guides(above) + "└─ ",
    }
}

fn guides(more: &[bool]) -> String {
    more.iter().map(|more| if *more { "│  " } else { "   " }).collect()
}

fn red() -> Style {
    AnsiColor::Red.on_default().bold()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_few_digits() {
        let check = |nanoseconds, expect: &str| assert_eq!(took(nanoseconds), expect);
        check(0, "0µs");
        check(999_999, "999µs");
        check(1_250_000, "1.2ms");
        check(999_960_000, "1.00s");
        check(12_345_678_900, "12.35s");
        check(3_725_000_000_000, "1h2m");
    }

    #[test]
    fn bars_stay_within_their_cells() {
        let check = |offset, took, all, expect| assert_eq!(stretch(offset, took, all, 10), expect);
        check(0, 100, 100, (0, 10));
        check(50, 25, 100, (5, 3));
        check(99, 1, 100, (9, 1));
        check(100, 0, 100, (9, 1));
        check(0, 0, 0, (0, 1));
        check(u64::MAX, u64::MAX, 1, (9, 1));
    }
}
