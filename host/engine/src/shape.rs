//! What a component imports and exports, for people and for whoever links it.

use lattice_core::VersionedInterface;
use serde::{Deserialize, Serialize};
use wasmtime::component::Type;
use wasmtime::component::types::{Component, ComponentInstance, ComponentItem};

use crate::served::{InterfaceClass, class_of};
use crate::values::{Signature, wit_structure};

/// The outside of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shape {
    /// What it needs.
    pub imports: Vec<InterfaceUse>,
    /// What it offers.
    pub exports: Vec<InterfaceUse>,
    /// Imports outside any interface, in WIT. Nothing can satisfy them.
    pub loose_imports: Vec<String>,
    /// Exports outside any interface, in WIT. Nobody can call them.
    pub loose_exports: Vec<String>,
    /// Whether it uses the component model's asynchrony (WASI 0.3).
    pub is_async: bool,
}

/// An interface, as far as the component uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InterfaceUse {
    /// Which.
    pub interface: VersionedInterface,
    /// Who satisfies or drives it.
    pub class: InterfaceClass,
    /// Its functions.
    pub functions: Vec<FunctionSig>,
    /// The types it names, in WIT.
    pub types: Vec<String>,
}

/// A function of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FunctionSig {
    /// Its name: `get`, `[method]bucket.get`.
    pub name: String,
    /// Its declaration in WIT: `get: func(key: string) -> result<option<list<u8>>, error>`.
    pub text: String,
}

impl Shape {
    /// Whether it may call something outside of its host: a capability, another actor, a peer.
    pub(crate) fn reaches_out(&self) -> bool {
        self.imports.iter().any(|import| {
            let mut functions = import.functions.iter();
            match (import.class, import.interface.id.as_str()) {
                (InterfaceClass::Wasi, "lattice:actor/peers") => functions.any(|function| function.name == "call"),
                (InterfaceClass::Wasi, _) => false,
                (InterfaceClass::Capability | InterfaceClass::Bridge, _) => functions.next().is_some(),
            }
        })
    }

    pub(crate) fn of(ty: &Component, engine: &wasmtime::Engine, is_async: bool) -> Self {
        let mut shape = Self {
            is_async,
            ..Self::default()
        };
        for (name, item) in ty.imports(engine) {
            match interface_use(name, &item.ty, engine) {
                Ok(interface) => shape.imports.push(interface),
                Err(Some(text)) => shape.loose_imports.push(text),
                Err(None) => {}
            }
        }
        for (name, item) in ty.exports(engine) {
            match interface_use(name, &item.ty, engine) {
                Ok(interface) => shape.exports.push(interface),
                Err(Some(text)) => shape.loose_exports.push(text),
                Err(None) => {}
            }
        }
        shape
    }
}

/// Returns the interface, or the text of what is not one, or nothing for a bare type.
fn interface_use(name: &str, item: &ComponentItem, engine: &wasmtime::Engine) -> Result<InterfaceUse, Option<String>> {
    match item {
        ComponentItem::ComponentInstance(instance) => {
            let interface = name.parse().map_err(|_| Some(name.to_owned()))?;
            Ok(describe(interface, instance, engine))
        }
        ComponentItem::ComponentFunc(func) => Err(Some(Signature::new(name, func).to_string())),
        ComponentItem::Type(_) | ComponentItem::Resource(_) => Err(None),
        _ => Err(Some(name.to_owned())),
    }
}

fn describe(interface: VersionedInterface, instance: &ComponentInstance, engine: &wasmtime::Engine) -> InterfaceUse {
    let mut named: Vec<(String, Type)> = Vec::new();
    let mut types = Vec::new();
    let mut functions = Vec::new();
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::Resource(_) => types.push(format!("resource {name}")),
            ComponentItem::Type(ty) => {
                types.push(declaration(name, &ty, &named));
                // An alias of a primitive would rename every use of that primitive.
                if is_nominal(&ty) {
                    named.push((name.to_owned(), ty));
                }
            }
            ComponentItem::ComponentFunc(func) => functions.push(Signature::new(name, &func)),
            _ => {}
        }
    }
    let functions = functions
        .iter()
        .map(|func| FunctionSig {
            name: func.name().to_owned(),
            text: func.wit(&named),
        })
        .collect();
    InterfaceUse {
        class: class_of(&interface),
        interface,
        functions,
        types,
    }
}

/// `record point { x: s32 }`, or `type key = string` for what has no keyword of its own.
fn declaration(name: &str, ty: &Type, named: &[(String, Type)]) -> String {
    let structure = wit_structure(ty, named);
    match structure.split_once(' ') {
        Some((keyword, body)) if is_nominal(ty) => format!("{keyword} {name} {body}"),
        _ => format!("type {name} = {structure}"),
    }
}

fn is_nominal(ty: &Type) -> bool {
    matches!(ty, Type::Record(_) | Type::Variant(_) | Type::Enum(_) | Type::Flags(_))
}
