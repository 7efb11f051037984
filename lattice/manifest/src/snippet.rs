//! A line of a source with a place in it marked.

/// More of a line than this is not shown: it may be all of a JSON file.
const SHOWN_MAX: usize = 120;

/// Renders the line `number`, of which `width` characters from `column` on are marked.
pub(crate) fn render(line: &str, number: usize, column: usize, width: usize) -> String {
    let chars: Vec<char> = line.chars().map(visible).collect();
    let at = (column - 1).min(chars.len());
    let from = if chars.len() <= SHOWN_MAX {
        0
    } else {
        at.saturating_sub(SHOWN_MAX / 3)
    };
    let to = chars.len().min(from + SHOWN_MAX);
    let cut_before = if from > 0 { "…" } else { "" };
    let cut_after = if to < chars.len() { "…" } else { "" };
    let shown: String = chars[from..to].iter().collect();
    let shown = format!("{cut_before}{shown}{cut_after}");
    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(at - from + cut_before.chars().count());
    let marks = "^".repeat(width.clamp(1, (to - at).max(1)));
    format!(
        "{gutter} |\n{number} | {}\n{gutter} | {indent}{marks}",
        shown.trim_end()
    )
}

/// What a terminal could take for a command, or would give another width, is shown as something harmless.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_below_their_words() {
        assert_eq!(
            render("a: \u{1b}wrong", 12, 4, 6),
            "   |\n12 | a: \u{fffd}wrong\n   |    ^^^^^^"
        );
        assert_eq!(render("", 1, 1, 0), "  |\n1 | \n  | ^");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let shown = render(&line, 1, 501, 1);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].chars().count() < 130, "{shown}");
        let marked = lines[2].chars().position(|c| c == '^');
        assert_eq!(marked, lines[1].chars().position(|c| c == 'X'), "{shown}");
    }
}
