//! Compiling on this host.

use lattice_core::Digest;
use wasmtime::component::Component;

use super::fingerprint::fingerprint;
use super::{Compiler, LoadError};
use crate::compiled::Compiled;
use crate::profile::Flavor;

/// What a stateful component exports, in every version.
const STATEFUL: &[u8] = b"lattice:actor/lifecycle@";

impl Compiler {
    /// Takes a component from disk if it was compiled before, or compiles it.
    pub(super) fn found_or_compiled(&self, digest: Digest, bytes: &[u8]) -> Result<Compiled, LoadError> {
        let usual = usual_flavor(self.chosen.has_pool(), bytes);
        for flavor in [usual, Flavor::Concurrent] {
            // The second engine is not made only to look for something that was never compiled.
            if flavor == Flavor::Concurrent && self.concurrent.get().is_none() && !self.cache.mentions(&digest) {
                continue;
            }
            let engine = self.engine(flavor)?;
            if let Some(component) = self.cache.get(engine, &fingerprint(engine), &digest) {
                self.tally.was_on_disk();
                return Ok(Compiled::new(digest, component, flavor));
            }
        }
        let (component, flavor) = self.compile(digest, bytes, usual)?;
        let compiled = Compiled::new(digest, self.kept(&digest, component), flavor);
        memory::give_back();
        Ok(compiled)
    }

    /// Writes machine code to disk and takes it from there again: what is mapped from a file is in memory only as far as it
    /// is used, what the compiler made is there in full.
    fn kept(&self, digest: &Digest, component: Component) -> Component {
        let engine = component.engine();
        let folder = fingerprint(engine);
        match component.serialize() {
            Ok(code) => self.cache.put(&folder, digest, &code),
            Err(error) => tracing::warn!(%digest, %error, "machine code was not kept"),
        }
        self.cache.get(engine, &folder, digest).unwrap_or(component)
    }

    /// Tries without asynchrony first: validation refuses what needs it long before code is generated.
    fn compile(&self, digest: Digest, bytes: &[u8], usual: Flavor) -> Result<(Component, Flavor), LoadError> {
        let started = std::time::Instant::now();
        let sequential = match Component::from_binary(self.engine(usual)?, bytes) {
            Ok(component) => Ok((component, usual)),
            Err(error) => Err(error),
        };
        let compiled = sequential.or_else(|_| {
            let component = Component::from_binary(self.engine(Flavor::Concurrent)?, bytes);
            component
                .map(|component| (component, Flavor::Concurrent))
                .map_err(|error| LoadError::Compile(format!("{error:#}")))
        });
        let elapsed = started.elapsed();
        self.tally.was_compiled(elapsed);
        tracing::debug!(%digest, ?elapsed, ok = compiled.is_ok(), "compiled a component");
        compiled
    }
}

/// What a component runs in unless it needs asynchrony. One that is stateful says so by what it exports, by a name that stands in its
/// bytes as it is; should it stand there for another reason, the component runs all the same.
pub(crate) fn usual_flavor(has_pool: bool, bytes: &[u8]) -> Flavor {
    let stateful = || bytes.windows(STATEFUL.len()).any(|window| window == STATEFUL);
    match has_pool && stateful() {
        true => Flavor::Resident,
        false => Flavor::Sequential,
    }
}

mod memory {
    /// Hands the compiler's memory back to the system. Its threads would otherwise keep tens of megabytes for the next one.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the allocator has no safe interface")]
    pub(super) fn give_back() {
        // SAFETY: malloc_trim takes a number and may be called at any time from any thread.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub(super) fn give_back() {}
}
