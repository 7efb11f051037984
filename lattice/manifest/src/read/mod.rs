//! Takes typed forms out of a tree, and remembers every mistake on the way.

mod ids;
mod record;
mod values;

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(crate) use self::record::{MapReader, Slot, record};
pub(crate) use self::values::{ByteSize, Choice, Flag, Kept, OneOrMany, Period, Plain, Table, choice, labels};
use crate::mistake::{Mistake, Severity};
use crate::source::{SourceText, Span};
use crate::tree::{Node, Value};

/// More mistakes than this are not told: nobody reads them, and one alias can repeat a mistake without end.
const MISTAKES_MAX: usize = 200;

/// The text that is read, and what was found wrong with it.
#[derive(Debug)]
pub(crate) struct Reader {
    text: Arc<SourceText>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    pub(crate) fn new(text: SourceText) -> Self {
        Self {
            text: Arc::new(text),
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn text(&self) -> Arc<SourceText> {
        Arc::clone(&self.text)
    }

    /// Remembers an error.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.add(Severity::Error, span, message.into(), None);
    }

    /// Remembers an error, and what to do about it.
    pub(crate) fn error_with(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Error, span, message.into(), Some(help.into()));
    }

    /// Remembers a warning, and what to do about it.
    pub(crate) fn warn_with(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Warning, span, message.into(), Some(help.into()));
    }

    /// Remembers something at a place. The same is remembered once, however often an alias leads there.
    pub(crate) fn add(&mut self, severity: Severity, span: Span, message: String, help: Option<String>) {
        let mistake = match self.mistakes.len() {
            0..MISTAKES_MAX => Mistake::new(severity, &self.text, span, message, help),
            MISTAKES_MAX => {
                let message = "more is wrong than is told here".to_owned();
                Mistake::new(Severity::Error, &self.text, span, message, None)
            }
            _ => return,
        };
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// Whether anything so far stops the source from being used.
    pub(crate) fn has_errors(&self) -> bool {
        self.mistakes.iter().any(|mistake| mistake.severity == Severity::Error)
    }

    /// What was remembered, which is forgotten.
    pub(crate) fn take_mistakes(&mut self) -> Vec<Mistake> {
        std::mem::take(&mut self.mistakes)
    }
}

/// A form that can be read.
pub(crate) trait Read: Sized {
    /// Reads it. `None` once `reader` has been told what is wrong.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// What JSON Schema says of it.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Something read, and where it stood.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T: Read> At<T> {
    pub(crate) fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Broken = node.value {
            return None;
        }
        let value = T::read(node, reader)?;
        Some(Self { value, span: node.span })
    }
}

impl<T: Read> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "At".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// What must be there. Where it is not, or is wrong, that has been told, and reading goes on without it.
#[derive(Clone, Debug)]
pub(crate) struct Required<T>(pub(crate) Option<At<T>>);

impl<T> Required<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|at| &at.value)
    }
}

impl<T: Read> JsonSchema for Required<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Required".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}
