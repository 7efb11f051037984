//! Lines that actors logged, as people read them.

use anstyle::{AnsiColor, Style};
use lattice_control::{LogLevel, LogLine, LogStream};
use lattice_core::UnixSeconds;

/// A line of an actor, and the host it was logged on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logged {
    pub(crate) host: String,
    pub(crate) line: LogLine,
}

/// What stands before the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// The host: there are several.
    pub(crate) host: bool,
    /// The key of the actor: it has state, and no key was asked for.
    pub(crate) key: bool,
}

/// One line, or several when the message has line breaks. It has colours, which are taken out where they are not wanted; from the guest
/// comes nothing that could drive a terminal.
pub(crate) fn log_line(logged: &Logged, prefix: Prefix) -> String {
    let Logged { host, line } = logged;
    let at = UnixSeconds::new(line.at_ms / 1000).to_string();
    let at = at.get(11..19).unwrap_or("--:--:--");
    let (dim, style) = (Style::new().dimmed(), style(line.level));
    let mut start = format!(
        "{dim}{at}.{:03}{dim:#} {style}{:5}{style:#} ",
        line.at_ms % 1000,
        word(line)
    );
    if prefix.host {
        start.push_str(&format!("{dim}{}{dim:#} ", plain(host)));
    }
    if let Some(key) = line.key.as_ref().filter(|_| prefix.key) {
        start.push_str(&format!("{dim}{}/{}{dim:#} ", line.actor, plain(key.as_str())));
    }
    if !line.context.is_empty() {
        start.push_str(&format!("{}: ", plain(&line.context)));
    }
    let mut text = String::new();
    for (nth, part) in line.message.lines().enumerate() {
        match nth {
            0 => text.push_str(&start),
            _ => text.push_str("             "),
        }
        text.push_str(&plain(part));
        text.push('\n');
    }
    if text.is_empty() {
        text = start + "\n";
    }
    text
}

/// As JSON, with the host.
pub(crate) fn log_json(logged: &Logged) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(&logged.line)?;
    if let serde_json::Value::Object(fields) = &mut value {
        fields.insert("host".to_owned(), logged.host.clone().into());
    }
    Ok(value.to_string() + "\n")
}

fn word(line: &LogLine) -> &'static str {
    match (line.stream, line.level) {
        (LogStream::Stdout, _) => "out",
        (LogStream::Stderr, _) => "err",
        (_, LogLevel::Trace) => "trace",
        (_, LogLevel::Debug) => "debug",
        (_, LogLevel::Info) => "info",
        (_, LogLevel::Warn) => "warn",
        (_, LogLevel::Error) => "error",
        (_, LogLevel::Critical) => "CRIT",
    }
}

fn style(level: LogLevel) -> Style {
    match level {
        LogLevel::Trace | LogLevel::Debug => Style::new().dimmed(),
        LogLevel::Info => Style::new(),
        LogLevel::Warn => AnsiColor::Yellow.on_default(),
        LogLevel::Error | LogLevel::Critical => AnsiColor::Red.on_default().bold(),
    }
}

/// Without what would move the cursor, or make text run the other way.
pub(super) fn plain(text: &str) -> String {
    let drives =
        |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if drives(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(message: &str) -> Logged {
        Logged {
            host: "edge".to_owned(),
            line: LogLine {
                number: 7,
                at_ms: 1_763_804_820_042,
                level: LogLevel::Warn,
                actor: "cart".parse().expect("a name"),
                key: Some("alice".parse().expect("a key")),
                stream: LogStream::Logging,
                context: "till".to_owned(),
                message: message.to_owned(),
                trace: None,
            },
        }
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_line_says_when_where_and_what() {
        let both = Prefix { host: true, key: true };
        let line = logged("empty");
        assert_eq!(
            bare(&log_line(&line, both)),
            "09:47:00.042 warn  edge cart/alice till: empty\n"
        );
        assert_eq!(
            bare(&log_line(&line, Prefix::default())),
            "09:47:00.042 warn  till: empty\n"
        );
        let mut out = line;
        out.line.stream = LogStream::Stdout;
        out.line.context.clear();
        assert_eq!(bare(&log_line(&out, Prefix::default())), "09:47:00.042 out   empty\n");
    }

    #[test]
    fn no_escape_sequence_comes_from_a_guest() {
        let text = log_line(&logged("a\u{1b}[2Jb\nc\u{9b}31md\u{202e}e"), Prefix::default());
        assert_eq!(
            bare(&text),
            "09:47:00.042 warn  till: a\u{fffd}[2Jb\n             c\u{fffd}31md\u{fffd}e\n"
        );
    }

    #[test]
    fn programs_get_the_host_too() {
        let json: serde_json::Value = serde_json::from_str(&log_json(&logged("x")).expect("JSON")).expect("JSON");
        assert_eq!(
            (json["host"].as_str(), json["key"].as_str()),
            (Some("edge"), Some("alice"))
        );
        assert_eq!(json["level"], "warn");
    }
}
