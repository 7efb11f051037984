//! The guest components that `cargo xtask guests` builds.

use std::path::Path;

use bytes::Bytes;

/// Reads a guest by the name of its folder in `actors/`.
///
/// # Panics
///
/// When it was not built: says how to.
pub fn guest(name: &str) -> Bytes {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../actors/target/components");
    let file = folder.join(format!("{name}.wasm"));
    match std::fs::read(&file) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("{}: {error}; run `cargo xtask guests`", file.display()),
    }
}
