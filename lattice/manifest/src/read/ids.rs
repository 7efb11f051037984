//! Identifiers: texts that the core parses.

use std::str::FromStr;

use lattice_core::{
    ActorName, AppName, FunctionName, InterfacePattern, LinkLabel, ParseIdError, ProviderKind, ProviderName,
};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::values::text_of;
use super::{Read, Reader};
use crate::tree::Node;

fn read_id<T: FromStr<Err = ParseIdError>>(node: &Node, reader: &mut Reader) -> Option<T> {
    let text = text_of(node, reader)?;
    match text.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            reader.error(node.span, error.to_string());
            None
        }
    }
}

/// What the core takes for a name, as JSON Schema says it.
const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

macro_rules! read_as_id {
    ($($name:ident: $schema:tt,)*) => {$(
        impl Read for $name {
            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                read_id(node, reader)
            }

            fn schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

read_as_id! {
    ActorName: { "type": "string", "pattern": NAME },
    AppName: { "type": "string", "pattern": NAME },
    FunctionName: { "type": "string" },
    InterfacePattern: { "type": "string" },
    LinkLabel: { "type": "string", "pattern": NAME },
    ProviderName: { "type": "string", "pattern": NAME },
}

/// One of the kinds that hosts carry; others run by themselves and are not started by a manifest.
impl Read for ProviderKind {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = text_of(node, reader)?;
        let kinds = lattice_core::provider::BUILT_IN_KINDS;
        if !kinds.contains(&text) {
            let help = crate::nearest::hint(text, &kinds);
            reader.error_with(
                node.span,
                format!("`{text}` is no kind of provider that hosts have"),
                help,
            );
            return None;
        }
        read_id(node, reader)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": lattice_core::provider::BUILT_IN_KINDS })
    }
}
