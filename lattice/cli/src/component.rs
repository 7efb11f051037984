//! Reads what a component imports and exports, without running anything.

use anyhow::{Context as _, Result};
use lattice_control::FunctionShape;
use serde::Serialize;
use wit_parser::{
    Function, Handle, Interface, Resolve, Type, TypeDefKind, TypeId, WorldItem, WorldKey,
    decoding::{DecodedWasm, decode},
};

use crate::failure::Failure;

/// What a component imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct World {
    pub(crate) imports: Vec<Item>,
    pub(crate) exports: Vec<Item>,
}

/// An interface, or a function that belongs to none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Item {
    /// `wasi:keyvalue/store@0.2.0-draft`, or the plain name.
    pub(crate) name: String,
    /// Its functions.
    pub(crate) functions: Vec<FunctionShape>,
}

impl World {
    /// A world of which only names are known, as the config of an image has it.
    pub(crate) fn named(imports: Vec<String>, exports: Vec<String>) -> Self {
        let item = |name| Item {
            name,
            functions: Vec::new(),
        };
        Self {
            imports: imports.into_iter().map(item).collect(),
            exports: exports.into_iter().map(item).collect(),
        }
    }
}

/// Reads a component's world.
pub(crate) fn read(bytes: &[u8]) -> Result<World> {
    let (resolve, world) = match decode(bytes).context("the component cannot be read")? {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => {
            return Err(Failure::failed("this is a WIT package, not a component").into());
        }
    };
    let items = |map: &wit_parser::IndexMap<WorldKey, WorldItem>| {
        map.iter()
            .filter_map(|(key, item)| read_item(&resolve, key, item))
            .collect()
    };
    let world = &resolve.worlds[world];
    Ok(World {
        imports: items(&world.imports),
        exports: items(&world.exports),
    })
}

fn read_item(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Option<Item> {
    let name = resolve.name_world_key(key);
    let functions = match item {
        WorldItem::Interface { id, .. } => read_interface(resolve, &resolve.interfaces[*id]),
        WorldItem::Function(function) => vec![read_function(resolve, function)],
        WorldItem::Type { .. } => return None,
    };
    Some(Item { name, functions })
}

fn read_interface(resolve: &Resolve, interface: &Interface) -> Vec<FunctionShape> {
    interface
        .functions
        .values()
        .map(|function| read_function(resolve, function))
        .collect()
}

fn read_function(resolve: &Resolve, function: &Function) -> FunctionShape {
    let params: Vec<String> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, type_text(resolve, &param.ty)))
        .collect();
    let result = function
        .result
        .as_ref()
        .map(|ty| format!(" -> {}", type_text(resolve, ty)))
        .unwrap_or_default();
    let prefix = if function.kind.is_async() { "async " } else { "" };
    FunctionShape {
        name: function.name.clone(),
        signature: format!("{prefix}func({}){result}", params.join(", ")),
    }
}

/// A type as WIT writes it. Types with a name go by it.
fn type_text(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => defined_text(resolve, *id),
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
    }
}

fn defined_text(resolve: &Resolve, id: TypeId) -> String {
    let defined = &resolve.types[id];
    if let Some(name) = &defined.name {
        return name.clone();
    }
    let text = |ty: &Type| type_text(resolve, ty);
    let maybe = |ty: &Option<Type>| {
        ty.as_ref()
            .map(|ty| format!("<{}>", type_text(resolve, ty)))
            .unwrap_or_default()
    };
    match &defined.kind {
        TypeDefKind::Option(ty) => format!("option<{}>", text(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", text(ty)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", text(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", text(key), text(value)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", text(ok)),
            (None, Some(err)) => format!("result<_, {}>", text(err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", text(ok), text(err)),
        },
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Handle(Handle::Own(resource)) => defined_text(resolve, *resource),
        TypeDefKind::Handle(Handle::Borrow(resource)) => format!("borrow<{}>", defined_text(resolve, *resource)),
        TypeDefKind::Future(ty) => format!("future{}", maybe(ty)),
        TypeDefKind::Stream(ty) => format!("stream{}", maybe(ty)),
        TypeDefKind::Type(ty) => text(ty),
        other => other.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_imports_and_exports_with_their_signatures() {
        let component = wat::parse_str(
            r#"(component
                (type (instance
                    (type $keys (list string))
                    (type $bytes (list u8))
                    (type $found (result $bytes (error string)))
                    (export "lookup" (func (param "keys" $keys) (param "deep" bool) (result $found)))))
                (import "demo:store/lookup@0.1.0" (instance $store (type 0)))
                (alias export $store "lookup" (func $f))
                (export "again" (func $f)))"#,
        )
        .expect("a component");
        let world = read(&component).expect("a world");
        assert_eq!(world.imports[0].name, "demo:store/lookup@0.1.0");
        assert_eq!(
            world.imports[0].functions[0].signature,
            "func(keys: list<string>, deep: bool) -> result<list<u8>, string>"
        );
        assert_eq!(world.exports[0].name, "again");
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        for length in 0..40u8 {
            let bytes: Vec<u8> = b"\0asm\x0d\0\x01\0"
                .iter()
                .copied()
                .chain((0..length).map(|n: u8| n.wrapping_mul(7)))
                .collect();
            // Whatever it makes of them, it returns.
            let _ = read(&bytes);
        }
        assert!(read(b"\0asm\x0d\0\x01\0\xff\xff").is_err());
    }
}
