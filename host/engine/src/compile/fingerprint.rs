//! A stable name for everything that machine code depends on.

use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

/// Names the compiler, its settings and the processor features of an engine. Code of one name runs on any engine of that name.
pub(super) fn fingerprint(engine: &wasmtime::Engine) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hasher.0.finalize();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The standard library's hasher may change between compilers; names of files must not.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest[..8].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}
