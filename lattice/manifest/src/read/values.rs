//! Values without keys that are known: texts, numbers, sizes, lists, tables.

use std::time::Duration;

use lattice_core::Labels;
use lattice_core::text::{parse_bytes, parse_duration};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::{At, Read, Reader};
use crate::source::Span;
use crate::tree::{Node, Scalar, ScalarKind, Value};

/// The text of a node that must be one.
pub(super) fn text_of<'n>(node: &'n Node, reader: &mut Reader) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(scalar) if scalar.is_text() => Some(&scalar.text),
        Value::Scalar(scalar) => {
            let message = format!("this must be a text, and is {}", scalar.describe());
            reader.error_with(node.span, message, format!("put it in quotes: \"{}\"", scalar.text));
            None
        }
        _ => {
            reader.error(node.span, format!("this must be a text, and is {}", node.describe()));
            None
        }
    }
}

/// The scalar of a node that must be `what`.
fn scalar_of<'n>(node: &'n Node, what: &str, reader: &mut Reader) -> Option<&'n Scalar> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        _ => {
            reader.error(node.span, format!("this must be {what}, and is {}", node.describe()));
            None
        }
    }
}

impl Read for String {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        text_of(node, reader).map(str::to_owned)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A text; a number, true and false are taken as they are spelt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain(pub(crate) String);

impl Read for Plain {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        scalar_of(node, "a text", reader).map(|scalar| Self(scalar.text.clone()))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl Read for u32 {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let scalar = scalar_of(node, "a whole number", reader)?;
        let is_number = scalar.substituted || scalar.kind() == ScalarKind::Number;
        match scalar.text.parse() {
            Ok(number) if is_number => Some(number),
            _ => {
                let message = format!(
                    "this must be a whole number from 0 to {}, and is {}",
                    u32::MAX,
                    scalar.describe()
                );
                let is_quoted = !scalar.plain && scalar.text.parse::<u32>().is_ok();
                let help = is_quoted.then(|| "leave the quotes out".to_owned());
                reader.add(crate::mistake::Severity::Error, node.span, message, help);
                None
            }
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

/// True or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Read for Flag {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let scalar = scalar_of(node, "true or false", reader)?;
        if scalar.substituted || scalar.kind() == ScalarKind::Bool {
            match scalar.text.as_str() {
                "true" | "True" | "TRUE" => return Some(Self(true)),
                "false" | "False" | "FALSE" => return Some(Self(false)),
                _ => {}
            }
        }
        reader.error(
            node.span,
            format!("this must be true or false, and is {}", scalar.describe()),
        );
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A number of bytes: `65536`, `64KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl Read for ByteSize {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let scalar = scalar_of(node, "a size", reader)?;
        match parse_bytes(&scalar.text) {
            Ok(0) => reader.error(node.span, "this leaves no room for anything"),
            Ok(bytes) => return Some(Self(bytes)),
            Err(error) => reader.error(node.span, error.to_string()),
        }
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "description": "A size: 65536, 64KiB, 1.5GiB." })
    }
}

/// A duration of at least a millisecond: `500ms`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl Period {
    /// It in whole milliseconds.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Read for Period {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let scalar = scalar_of(node, "a duration", reader)?;
        match parse_duration(&scalar.text) {
            Ok(duration) if duration < Duration::from_millis(1) => {
                reader.error(node.span, "this leaves no time for anything: write 1ms at least");
            }
            Ok(duration) => return Some(Self(duration)),
            Err(error) => reader.error(node.span, error.to_string()),
        }
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A duration: 500ms, 30s, 1h30m." })
    }
}

/// A list. What is wrong in it is left out.
impl<T: Read> Read for Vec<At<T>> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            reader.error(node.span, format!("this must be a list, and is {}", node.describe()));
            return None;
        };
        let read: Vec<At<T>> = items.iter().filter_map(|item| At::read(item, reader)).collect();
        // Where nothing is right, it must not look as if nothing had been said.
        (items.is_empty() || !read.is_empty()).then_some(read)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::schema(generator);
        json_schema!({ "type": "array", "items": items })
    }
}

/// A mapping whose keys the user chooses, in their order. What is wrong in it is left out.
#[derive(Clone, Debug)]
pub(crate) struct Table<T>(pub(crate) Vec<(At<String>, At<T>)>);

impl<T: Read> Read for Table<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            reader.error(node.span, format!("this must be a mapping, and is {}", node.describe()));
            return None;
        };
        let pairs = entries.iter().filter_map(|entry| {
            let key = At {
                value: entry.key.clone(),
                span: entry.key_span,
            };
            if entry.value.is_null() {
                reader.error_with(
                    entry.key_span,
                    format!("`{}` has no value", entry.key),
                    "an empty text is \"\"",
                );
                return None;
            }
            Some((key, At::read(&entry.value, reader)?))
        });
        Some(Self(pairs.collect()))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let values = T::schema(generator);
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

/// One, or a list of some.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<At<T>>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::List(_) => Read::read(node, reader).map(Self),
            _ => At::read(node, reader).map(|one| Self(vec![one])),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let one = T::schema(generator);
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// A value that is read later, when it is known what it must be.
#[derive(Clone, Debug)]
pub(crate) struct Kept(pub(crate) Node);

impl Read for Kept {
    fn read(node: &Node, _: &mut Reader) -> Option<Self> {
        Some(Self(node.clone()))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// One of a few words, or nothing once that has been told.
pub(crate) trait Choice: Sized + Copy + 'static {
    /// The words.
    const WORDS: &'static [(&'static str, Self)];

    /// The word at `span`, or what it could have been.
    fn choose(text: &str, span: Span, reader: &mut Reader) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
            let message = format!("this must be {}, and is `{text}`", words.join(" or "));
            let help = crate::nearest::did_you_mean(text, words);
            reader.add(crate::mistake::Severity::Error, span, message, help);
        }
        found.map(|(_, choice)| *choice)
    }

    /// What JSON Schema says of it.
    fn choice_schema() -> Schema {
        let words: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Declares an enum that is read as one of a few words.
macro_rules! choice {
    ($(#[$meta:meta])* enum $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant,)* }

        impl $crate::read::Choice for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::tree::Node, reader: &mut $crate::read::Reader) -> Option<Self> {
                let text = <String as $crate::read::Read>::read(node, reader)?;
                <Self as $crate::read::Choice>::choose(&text, node.span, reader)
            }

            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::read::Choice>::choice_schema()
            }
        }
    };
}
pub(crate) use choice;

/// Reads labels; what is wrong with one is told at its place.
pub(crate) fn labels(table: Option<&At<Table<Plain>>>, reader: &mut Reader) -> Labels {
    let mut labels = Labels::new();
    for (key, value) in table.into_iter().flat_map(|at| &at.value.0) {
        if let Err(error) = labels.insert(&key.value, &value.value.0) {
            reader.error(key.span, error.to_string());
        }
    }
    labels
}
