//! Saying something while somebody else may be drawing a spinner.

use std::io::IsTerminal;

use crate::output::note;

/// Says a line. Where there may be a spinner its line is cleared first; it draws itself again below.
pub(super) fn say(line: &str) {
    // As the spinner decides whether to draw.
    let draws = std::io::stderr().is_terminal()
        && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    match draws {
        true => note(format_args!("\r\u{1b}[2K{line}")),
        false => note(line),
    }
}

/// What came from others, on one line and without what would move the cursor.
pub(super) fn plain(text: &str) -> String {
    const LEN_MAX: usize = 2000;
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LEN_MAX).collect()
}
