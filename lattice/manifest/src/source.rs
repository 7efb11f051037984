//! What is read, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::aliases::ImageAliases;

/// A text to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What messages call it: the path as the user typed it.
    pub name: String,
    /// The text itself.
    pub text: String,
    /// The folder it stands in, from which relative paths in it go.
    pub folder: PathBuf,
}

/// How manifests are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What `${VAR}` stands for in values. None: nothing is put in place of anything.
    pub environment: Option<BTreeMap<String, String>>,
    /// Local files that stand for images of registries.
    pub aliases: ImageAliases,
    /// Whether an image may be one that changes under its name.
    pub allow_latest: bool,
}

/// A range of bytes in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A source with its lines counted.
#[derive(Clone, Debug)]
pub(crate) struct SourceText {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) folder: PathBuf,
    line_starts: Vec<usize>,
}

impl SourceText {
    pub(crate) fn new(source: &Source) -> Self {
        let starts = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            name: source.name.clone(),
            text: source.text.clone(),
            folder: source.folder.clone(),
            line_starts: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// The line of a byte and the column in it, both from 1; columns count characters.
    pub(crate) fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// A line without its end, counted from 1.
    pub(crate) fn line(&self, line: usize) -> &str {
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// How many characters of a span stand on the line where it begins.
    pub(crate) fn width(&self, span: Span) -> usize {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim_end().chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = SourceText::new(&Source {
            name: "a".into(),
            text: "ä: 1\r\nbc: 2\n".into(),
            folder: PathBuf::new(),
        });
        assert_eq!(text.position(0), (1, 1));
        assert_eq!(text.position("ä".len()), (1, 2));
        assert_eq!(text.position(8), (2, 2));
        assert_eq!(text.position(900), (3, 1));
        assert_eq!(text.line(1), "ä: 1");
        assert_eq!(text.line(3), "");
    }
}
