//! Mappings with keys that are known.

use super::{At, Read, Reader, Required};
use crate::nearest::hint;
use crate::source::Span;
use crate::tree::{Entry, Node, Value};

/// Declares a form that is a mapping: its fields, the keys they stand under, and with them how it is read and its JSON schema, so that
/// none of the three can differ from the others.
macro_rules! record {
    (
        $(#[$meta:meta])*
        struct $name:ident, $what:literal {
            $( $(#[$field_meta:meta])* $field:ident = $key:tt $(| $alias:literal)*: $ty:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $(
                $(#[$field_meta])*
                #[schemars(rename = $key)]
                pub(crate) $field: $ty,
            )*
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::tree::Node, reader: &mut $crate::read::Reader) -> Option<Self> {
                let mut map = $crate::read::MapReader::open(node, $what, reader)?;
                let record = Self {
                    $( $field: $crate::read::Slot::fill(&mut map, &[$key $(, $alias)*], reader), )*
                };
                map.finish(&[$($key),*], reader);
                Some(record)
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
    };
}
pub(crate) use record;

/// A mapping whose keys are taken one by one.
pub(crate) struct MapReader<'n> {
    what: &'static str,
    span: Span,
    entries: Vec<(&'n Entry, bool)>,
}

impl<'n> MapReader<'n> {
    /// Begins to read `node`, which is to be `what`.
    pub(crate) fn open(node: &'n Node, what: &'static str, reader: &mut Reader) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let message = format!("{what} is written as a mapping, and this is {}", node.describe());
            reader.error(node.span, message);
            return None;
        };
        // A block has no words of its own; its first key stands for it.
        let span = entries.first().map_or(node.span, |entry| entry.key_span);
        let entries = entries.iter().map(|entry| (entry, false)).collect();
        Some(Self { what, span, entries })
    }

    /// The value under the first of `keys` that is there.
    fn take(&mut self, keys: &[&str], reader: &mut Reader) -> Option<&'n Entry> {
        let mut found: Option<&'n Entry> = None;
        for (entry, is_known) in &mut self.entries {
            if !keys.contains(&entry.key.as_str()) {
                continue;
            }
            *is_known = true;
            match found {
                None => found = Some(entry),
                Some(first) => {
                    let message = format!("`{}` says the same as `{}`: leave one out", entry.key, first.key);
                    reader.error(entry.key_span, message);
                }
            }
        }
        found
    }

    /// Ends reading: what was not taken is unknown.
    pub(crate) fn finish(self, keys: &[&str], reader: &mut Reader) {
        for (entry, _) in self.entries.iter().filter(|(_, is_known)| !is_known) {
            let message = format!("unknown key `{}` in {}", entry.key, self.what);
            reader.error_with(entry.key_span, message, hint(&entry.key, keys));
        }
    }
}

/// A field of a record.
pub(crate) trait Slot {
    /// Fills it from the mapping.
    fn fill(map: &mut MapReader<'_>, keys: &[&'static str], reader: &mut Reader) -> Self;
}

impl<T: Read> Slot for Option<At<T>> {
    fn fill(map: &mut MapReader<'_>, keys: &[&'static str], reader: &mut Reader) -> Self {
        let entry = map.take(keys, reader)?;
        // A key with nothing behind it says nothing.
        (!entry.value.is_null()).then(|| At::read(&entry.value, reader))?
    }
}

impl<T: Read> Slot for Required<T> {
    fn fill(map: &mut MapReader<'_>, keys: &[&'static str], reader: &mut Reader) -> Self {
        let key = keys.first().copied().unwrap_or_default();
        Self(match map.take(keys, reader) {
            None => {
                reader.error(map.span, format!("{} needs `{key}`", map.what));
                None
            }
            Some(entry) if entry.value.is_null() => {
                reader.error(entry.key_span, format!("`{key}` has no value"));
                None
            }
            Some(entry) => At::read(&entry.value, reader),
        })
    }
}
