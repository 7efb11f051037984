//! Turning results into text: tables for people, JSON and YAML for programs. Fetches nothing.

mod narration;
mod table;
mod yaml;

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use narration::{Narrator, note, warn};
pub(crate) use table::{Column, Table, one_line};
pub(crate) use yaml::to_yaml;

/// Version of everything we print for programs.
const API_VERSION: &str = "lattice.dev/v1";

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// One JSON document; with `--watch`, one a line.
    Json,
    /// One YAML document.
    Yaml,
    /// Only `kind/name`, one a line.
    Name,
}

/// A result in every form it can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// What it is to programs: `HostList`, `Actor`.
    pub(crate) kind: &'static str,
    /// Its content to programs: `items` for lists.
    pub(crate) content: Value,
    /// What people read.
    pub(crate) text: Text,
    /// `kind/name` of each thing in it.
    pub(crate) names: Vec<String>,
}

/// What people read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Text {
    /// Rows and columns; the string stands in for a table without rows.
    Table(Table, &'static str),
    /// Already laid out.
    Plain(String),
}

impl Document {
    /// Builds a list.
    pub(crate) fn list<T: Serialize>(
        kind: &'static str,
        items: &[T],
        table: Table,
        names: Vec<String>,
        when_empty: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            kind,
            content: json!({ "items": for_programs(items)? }),
            text: Text::Table(table, when_empty),
            names,
        })
    }

    /// Builds a list that people read as text of its own.
    pub(crate) fn plain_list<T: Serialize>(
        kind: &'static str,
        items: &[T],
        names: Vec<String>,
        text: String,
    ) -> Result<Self> {
        Ok(Self {
            kind,
            content: json!({ "items": for_programs(items)? }),
            text: Text::Plain(text),
            names,
        })
    }

    /// Builds a single thing, or the outcome of an action on it.
    pub(crate) fn single<T: Serialize>(kind: &'static str, name: String, content: &T, text: String) -> Result<Self> {
        let content = match for_programs(content)? {
            Value::Object(fields) => Value::Object(fields),
            other => json!({ "value": other }),
        };
        Ok(Self {
            kind,
            content,
            text: Text::Plain(text),
            names: vec![name],
        })
    }

    /// Lays it out in a format. Ends with a newline unless there is nothing to say.
    pub(crate) fn render(&self, format: Format) -> Result<String> {
        Ok(match format {
            Format::Json => serde_json::to_string_pretty(&self.envelope())? + "\n",
            Format::Yaml => yaml::to_yaml(&self.envelope()),
            Format::Name => self.names.iter().map(|name| format!("{name}\n")).collect(),
            Format::Table | Format::Wide => match &self.text {
                Text::Table(table, _) if !table.is_empty() => table.render(format == Format::Wide),
                Text::Table(..) => String::new(),
                Text::Plain(text) if text.is_empty() || text.ends_with('\n') => text.clone(),
                Text::Plain(text) => format!("{text}\n"),
            },
        })
    }

    /// As one line of JSON, for watching.
    pub(crate) fn json_line(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.envelope())? + "\n")
    }

    /// Prints it on stdout. An empty table says so on stderr instead.
    pub(crate) fn print(&self, format: Format) -> Result<()> {
        if let (Text::Table(table, when_empty), Format::Table | Format::Wide) = (&self.text, format)
            && table.is_empty()
        {
            note(when_empty);
            return Ok(());
        }
        write_stdout(&self.render(format)?)
    }

    fn envelope(&self) -> Value {
        let mut envelope = serde_json::Map::new();
        if let Value::Object(content) = &self.content {
            envelope.extend(content.clone());
        }
        // Last: what a thing says of itself is not what the document is.
        envelope.insert("apiVersion".to_owned(), json!(API_VERSION));
        envelope.insert("kind".to_owned(), json!(self.kind));
        Value::Object(envelope)
    }
}

/// Maps whose keys are the user's own.
const FREE_MAPS: &[&str] = &["attributes", "config", "facts", "labels", "moved", "require", "secrets"];

/// A value as programs see it, with field names in one style, camel case, wherever they come from.
pub(crate) fn for_programs<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    Ok(in_camel_case(serde_json::to_value(value)?))
}

fn in_camel_case(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_camel_case).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(
                |(name, value)| match FREE_MAPS.contains(&name.as_str()) || is_labels(&name, &value) {
                    true => (name, value),
                    false => (camel_case(&name), in_camel_case(value)),
                },
            )
            .collect(),
        other => other,
    }
}

/// Whether it is a map of labels under a name that is something else elsewhere.
fn is_labels(name: &str, value: &Value) -> bool {
    let texts = |fields: &serde_json::Map<String, Value>| fields.values().all(Value::is_string);
    matches!(name, "placement" | "hosts") && value.as_object().is_some_and(texts)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}

/// How wide the terminal is that stdout is, if it is one.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // Some say nothing.
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Writes to stdout, with colours only where they are wanted.
///
/// A reader that has had enough (`lattice get actors | head -1`) is no failure.
pub(crate) fn write_stdout(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_see_one_style_and_the_users_own_keys() {
        let content = json!([{ "ready_since": 1, "spec": { "body_bytes_max": 2, "labels": { "my_key": "x" } } }]);
        let expect = json!([{ "readySince": 1, "spec": { "bodyBytesMax": 2, "labels": { "my_key": "x" } } }]);
        assert_eq!(for_programs(&content).expect("plain"), expect);
    }
}
