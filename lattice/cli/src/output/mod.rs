//! Turning results into text: tables for people, JSON and YAML for programs. Fetches nothing.

mod narration;
mod table;
mod yaml;

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use narration::{Narrator, note, warn};
pub(crate) use table::{Column, Table};
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
            content: json!({ "items": items }),
            text: Text::Table(table, when_empty),
            names,
        })
    }

    /// Builds a single thing, or the outcome of an action on it.
    pub(crate) fn single<T: Serialize>(kind: &'static str, name: String, content: &T, text: String) -> Result<Self> {
        let content = match serde_json::to_value(content)? {
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
        let mut envelope = json!({ "apiVersion": API_VERSION, "kind": self.kind });
        if let (Some(envelope), Value::Object(content)) = (envelope.as_object_mut(), &self.content) {
            envelope.extend(content.clone());
        }
        envelope
    }
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
