//! A text as a tree of values, each with its place.

mod build;
mod scalar;
mod substitute;

pub(crate) use self::build::documents;
pub(crate) use self::scalar::{Scalar, ScalarKind};
pub(crate) use self::substitute::substitute;
use crate::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `~`, or nothing at all.
    Null,
    /// A text, a number, true or false.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, its keys in the order of the text, each once.
    Map(Vec<Entry>),
    /// Something that could not be made out, which has been told.
    Broken,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value under a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// What it is, in words that follow "this is".
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Broken => "nothing that can be made out".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Scalar(scalar) => scalar.describe(),
        }
    }
}
