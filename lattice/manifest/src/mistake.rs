//! What is wrong with a text, and where.

use std::fmt;

use crate::snippet;
use crate::source::{SourceText, Span};

/// Something wrong at one place of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Whether it stops the manifest from being used.
    pub severity: Severity,
    /// The name of the source.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line, with the place marked below it.
    pub snippet: String,
}

/// Whether a mistake stops a manifest from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but surprises.
    Warning,
}

impl Mistake {
    pub(crate) fn new(
        severity: Severity,
        text: &SourceText,
        span: Span,
        message: String,
        help: Option<String>,
    ) -> Self {
        let (line, column) = text.position(span.start);
        Self {
            severity,
            file: text.name.clone(),
            line,
            column,
            message,
            help,
            snippet: snippet::render(text.line(line), line, column, text.width(span)),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, .. } = self;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "{file}:{line}:{column}: {severity}: {}\n{}",
            self.message, self.snippet
        )?;
        if let Some(help) = &self.help {
            let mut lines = help.lines();
            write!(f, "\n help: {}", lines.next().unwrap_or_default())?;
            lines.try_for_each(|line| write!(f, "\n       {line}"))?;
        }
        Ok(())
    }
}

/// All that is wrong with a source, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::join(.0))]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Puts mistakes in the order of the text.
    pub fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column, mistake.severity));
        Self(mistakes)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn join(mistakes: &[Mistake]) -> String {
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
