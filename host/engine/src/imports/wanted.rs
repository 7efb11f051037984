//! Goes through a component's imports and says who satisfies each. Decides only.

use lattice_core::VersionedInterface;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::linked::Grants;
use crate::served::{InterfaceClass, Served, served};
use crate::start_error::{Import, ImportProblem, ImportProblemKind};
use crate::values::{Signature, find_unsupported};

/// The imports that need something besides WASI.
pub(super) type Wants = Vec<Wanted>;

pub(super) enum Wanted {
    /// A capability in a version that the host serves.
    Capability {
        interface: VersionedInterface,
        functions: Vec<Signature>,
    },
    /// Functions of another actor. The name is the import's own, to the letter.
    Bridge {
        name: String,
        interface: VersionedInterface,
        functions: Vec<Signature>,
    },
}

pub(super) fn of(component: &Component, grants: &dyn Grants) -> Result<Wants, Vec<ImportProblem>> {
    let engine = component.engine();
    let ty = component.component_type();
    let (mut wants, mut problems) = (Vec::new(), Vec::new());
    for (name, item) in ty.imports(engine) {
        match &item.ty {
            ComponentItem::Type(_) => {}
            ComponentItem::ComponentInstance(instance) => {
                let Ok(interface) = name.parse::<VersionedInterface>() else {
                    problems.push(not_an_interface(name));
                    continue;
                };
                match decide(name, &interface, instance, engine, grants) {
                    Ok(wanted) => wants.extend(wanted),
                    Err(kinds) => problems.extend(kinds.into_iter().map(|kind| ImportProblem {
                        import: Import::Interface(interface.clone()),
                        kind,
                    })),
                }
            }
            _ => problems.push(not_an_interface(name)),
        }
    }
    if problems.is_empty() { Ok(wants) } else { Err(problems) }
}

fn not_an_interface(name: &str) -> ImportProblem {
    ImportProblem {
        import: Import::Other(name.to_owned()),
        kind: ImportProblemKind::NotAnInterface,
    }
}

fn decide(
    name: &str,
    interface: &VersionedInterface,
    instance: &ComponentInstance,
    engine: &wasmtime::Engine,
    grants: &dyn Grants,
) -> Result<Option<Wanted>, Vec<ImportProblemKind>> {
    let (mut functions, mut resources) = (Vec::new(), Vec::new());
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(func) => functions.push(Signature::new(name, &func)),
            ComponentItem::Resource(_) => resources.push(name.to_owned()),
            _ => {}
        }
    }
    let class = match served(interface) {
        Served::Yes(InterfaceClass::Wasi) => return Ok(None),
        Served::Yes(class) => class,
        // An interface of types alone gives nothing and needs nobody.
        _ if functions.is_empty() && resources.is_empty() => return Ok(None),
        Served::OtherVersions(served) => return Err(vec![ImportProblemKind::OtherVersion { served }]),
        Served::No => InterfaceClass::Bridge,
    };
    if class == InterfaceClass::Bridge {
        let problems = unsupported(&functions, &resources);
        if !problems.is_empty() {
            return Err(problems);
        }
    }
    let granted = grants
        .granted(interface)
        .ok_or_else(|| vec![ImportProblemKind::Unlinked(class)])?;
    let refused: Vec<_> = functions
        .iter()
        .filter(|function| !granted.allows(function.name()))
        .map(|function| ImportProblemKind::FunctionNotGranted {
            function: function.name().to_owned(),
        })
        .collect();
    if !refused.is_empty() {
        return Err(refused);
    }
    let interface = interface.clone();
    Ok(Some(match class {
        InterfaceClass::Bridge => Wanted::Bridge {
            name: name.to_owned(),
            interface,
            functions,
        },
        InterfaceClass::Wasi | InterfaceClass::Capability => Wanted::Capability { interface, functions },
    }))
}

fn unsupported(functions: &[Signature], resources: &[String]) -> Vec<ImportProblemKind> {
    let defined = resources.iter().map(|name| ImportProblemKind::Unsupported {
        function: None,
        what: format!("resource `{name}`"),
    });
    let used = functions.iter().filter_map(|function| {
        let what = function
            .param_types()
            .chain(function.result_types())
            .find_map(find_unsupported)?;
        Some(ImportProblemKind::Unsupported {
            function: Some(function.name().to_owned()),
            what: what.to_owned(),
        })
    });
    defined.chain(used).collect()
}
