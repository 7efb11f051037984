//! A component that can run here, and where its exports are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use lattice_core::{Digest, Fault, FaultKind, InterfaceId, VersionedInterface};
use parking_lot::RwLock;
use semver::Version;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::profile::Flavor;
use crate::served::same_interface;
use crate::shape::Shape;
use crate::values::{Signature, find_unsupported};

/// A compiled component. Actors of the same digest share it.
pub struct Compiled {
    digest: Digest,
    component: Component,
    flavor: Flavor,
    shape: Shape,
    exports: Vec<ExportedInterface>,
}

/// An interface that the component exports.
pub(crate) struct ExportedInterface {
    pub(crate) interface: VersionedInterface,
    functions: HashMap<String, ExportedFunction>,
}

/// A function that can be called from outside.
#[derive(Clone)]
pub(crate) struct ExportedFunction {
    pub(crate) index: ComponentExportIndex,
    pub(crate) signature: Signature,
    /// A type in it that cannot cross a process: `resource`.
    pub(crate) unsupported: Option<&'static str>,
    /// Callers whose types were found to fit.
    fitting: Arc<RwLock<Vec<Signature>>>,
}

/// Callers that are remembered for one function. More than this many different components seldom call one function.
const FITTING_MAX: usize = 64;

impl ExportedFunction {
    /// Checks that the caller means the same function: once for each pair of components, not for each call.
    pub(crate) fn check_caller(&self, caller: &Signature) -> Result<(), Fault> {
        let same = |known: &Signature| known.identity() == caller.identity();
        if same(&self.signature) || self.fitting.read().iter().any(same) {
            return Ok(());
        }
        caller
            .check_calls(&self.signature)
            .map_err(|mismatch| Fault::new(FaultKind::BadArguments, mismatch.to_string()))?;
        let mut fitting = self.fitting.write();
        if fitting.len() >= FITTING_MAX {
            fitting.clear();
        }
        // Kept alive here, so that no other signature can take its identity.
        fitting.push(caller.clone());
        Ok(())
    }
}

impl Compiled {
    pub(crate) fn new(digest: Digest, component: Component, flavor: Flavor) -> Self {
        let ty = component.component_type();
        let engine = component.engine();
        let shape = Shape::of(&ty, engine, flavor.is_concurrent());
        let exports = ty
            .exports(engine)
            .filter_map(|(name, item)| match item.ty {
                ComponentItem::ComponentInstance(instance) => {
                    Some(ExportedInterface::new(&component, name.parse().ok()?, name, &instance))
                }
                _ => None,
            })
            .collect();
        Self {
            digest,
            component,
            flavor,
            shape,
            exports,
        }
    }

    /// The digest of the component's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it imports and exports.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns the type of an exported function, to read arguments from the wire with.
    #[must_use]
    pub fn signature(&self, interface: &InterfaceId, version: Option<&Version>, function: &str) -> Option<Signature> {
        Some(
            self.export(interface, version)?
                .functions
                .get(function)?
                .signature
                .clone(),
        )
    }

    pub(crate) fn component(&self) -> &Component {
        &self.component
    }

    pub(crate) fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// Finds an exported interface: one that the version is compatible with, or the newest if no version is asked for.
    pub(crate) fn export(&self, interface: &InterfaceId, version: Option<&Version>) -> Option<&ExportedInterface> {
        let candidates = self.exports.iter().filter(|export| export.interface.id == *interface);
        match version {
            None => candidates.max_by(|a, b| a.interface.version.cmp(&b.interface.version)),
            Some(_) => candidates
                .filter(|export| same_interface(export.interface.version.as_ref(), version))
                .max_by_key(|export| export.interface.version.as_ref() == version),
        }
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl ExportedInterface {
    fn new(component: &Component, interface: VersionedInterface, name: &str, instance: &ComponentInstance) -> Self {
        let parent = component.get_export_index(None, name);
        let functions = instance
            .exports(component.engine())
            .filter_map(|(name, item)| {
                let ComponentItem::ComponentFunc(func) = item.ty else {
                    return None;
                };
                let index = component.get_export_index(Some(parent.as_ref()?), name)?;
                let signature = Signature::new(name, &func);
                let unsupported = signature
                    .param_types()
                    .chain(signature.result_types())
                    .find_map(find_unsupported);
                Some((
                    name.to_owned(),
                    ExportedFunction {
                        index,
                        signature,
                        unsupported,
                        fitting: Arc::default(),
                    },
                ))
            })
            .collect();
        Self { interface, functions }
    }

    pub(crate) fn function(&self, name: &str) -> Option<&ExportedFunction> {
        self.functions.get(name)
    }
}
