//! Code that was compiled elsewhere. It comes here verified, by its type; what is left is to see that it is the code that was meant,
//! and that it is for this engine.

use lattice_core::Digest;
use lattice_core::token::{AotClaims, VerifiedCode};

use super::{Compiler, LoadError};
use crate::ENGINE;
use crate::compiled::Compiled;
use crate::profile::Flavor;

/// The folder of such code. A file's name holds the digests of component and code, so that it can be only what was signed.
pub(super) const FOLDER: &str = "signed";

impl Compiler {
    /// Makes a component of code that somebody vouches for: of `fresh`, which is kept, or of what was kept before.
    pub(super) fn produce_signed(&self, code: &VerifiedCode, fresh: Option<&[u8]>) -> Result<Compiled, LoadError> {
        let claims = code.claims();
        self.check_fits(claims)?;
        if let Some(bytes) = fresh {
            check_code(claims, bytes)?;
            self.cache.put(FOLDER, &claims.component, bytes);
        }
        let flavor = Flavor::from(claims.flavor);
        let engine = self.engine(flavor)?;
        let kept = self.cache.get_exactly(engine, FOLDER, &claims.component, &claims.code);
        let component = match (kept, fresh) {
            (Some(loaded), _) => loaded,
            // A host that cannot keep anything runs all the same.
            (None, Some(bytes)) => load(engine, code, bytes),
            (None, None) => return Err(LoadError::NotKept),
        };
        let component = component.map_err(LoadError::RefusedCode)?;
        self.tally.was_signed();
        Ok(Compiled::new(claims.component, component, flavor))
    }

    /// Makes sure that the code is for this host. The engine checks that again, by what stands in the code itself.
    fn check_fits(&self, claims: &AotClaims) -> Result<(), LoadError> {
        if claims.engine != ENGINE {
            return Err(LoadError::OtherEngine {
                got: claims.engine.clone(),
            });
        }
        let wanted = self.chosen.report.target;
        match claims.target == wanted {
            true => Ok(()),
            false => Err(LoadError::OtherTarget {
                wanted,
                got: claims.target,
            }),
        }
    }
}

fn check_code(claims: &AotClaims, bytes: &[u8]) -> Result<(), LoadError> {
    let (expected, got) = (claims.code, Digest::of(bytes));
    match expected == got {
        true => Ok(()),
        false => Err(LoadError::OtherCode { expected, got }),
    }
}

#[expect(
    unsafe_code,
    reason = "loading machine code is running it; the checks before it are what this module is for"
)]
fn load(
    engine: &wasmtime::Engine,
    code: &VerifiedCode,
    bytes: &[u8],
) -> Result<wasmtime::component::Component, String> {
    check_code(code.claims(), bytes).map_err(|error| error.to_string())?;
    // SAFETY: an issuer that this host believes has signed that a compiler made these very bytes; their digest has just been
    // compared with the one signed.
    unsafe { wasmtime::component::Component::deserialize(engine, bytes) }.map_err(|error| format!("{error:#}"))
}
