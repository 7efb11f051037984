//! Compiling for other machines.

use lattice_core::Digest;
use lattice_core::aot::{CodeShape, CodeTarget};
use lattice_core::token::AotClaims;

use crate::ENGINE;
use crate::compile::{LoadError, check_component, usual_flavor};
use crate::profile::{Flavor, for_target};

/// Code for some machine, and what there is to say of it.
#[derive(Clone, Debug)]
pub struct Precompiled {
    /// What is to be signed.
    pub claims: AotClaims,
    /// The code.
    pub code: Vec<u8>,
}

/// Compiles a component for a machine that need not be this one. Takes as long, and as much memory, as it takes; run it where that
/// is no harm.
///
/// # Errors
///
/// [`LoadError`] when the bytes are no component, or it cannot be compiled for that machine.
pub fn precompile(component: &[u8], target: CodeTarget) -> Result<Precompiled, LoadError> {
    check_component(component)?;
    let usual = usual_flavor(target.shape() == CodeShape::Server, component);
    let compile = |flavor| -> wasmtime::Result<(Vec<u8>, Flavor)> {
        let code = for_target(target, flavor)?.precompile_component(component)?;
        Ok((code, flavor))
    };
    // As on a host: what needs asynchrony is refused long before code is generated.
    let compiled = compile(usual).or_else(|_| compile(Flavor::Concurrent));
    let (code, flavor) = compiled.map_err(|error| LoadError::Compile(format!("{error:#}")))?;
    let claims = AotClaims {
        component: Digest::of(component),
        code: Digest::of(&code),
        target,
        flavor: flavor.into(),
        engine: ENGINE.to_owned(),
    };
    Ok(Precompiled { claims, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_called_by_the_version_that_is_built_in() {
        let lock = include_str!("../../../Cargo.lock");
        let (_, after) = lock
            .split_once("name = \"wasmtime\"\nversion = \"")
            .expect("wasmtime is locked");
        let major = after.split('.').next().expect("a version");
        assert!(
            ENGINE.starts_with(&format!("wasmtime-{major}.")),
            "{ENGINE} with wasmtime {major}"
        );
    }
}
