//! What is to be compiled, or was.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use lattice_control::CODE_BYTES_MAX;
use lattice_core::{Digest, aot::is_artifact};

use crate::{actor_spec, failure::Failure};

/// What somebody typed.
#[derive(Debug)]
pub(crate) enum Material {
    /// A component.
    Component(Vec<u8>),
    /// A component that the lattice has.
    Stored(Digest),
    /// Code that was compiled before.
    Artifact(Vec<u8>),
}

/// Reads a component's file, an artifact's, or a digest.
pub(crate) fn read(what: &str) -> Result<Material> {
    if let Ok(digest) = what.parse() {
        return Ok(Material::Stored(digest));
    }
    match read_artifact(Path::new(what))? {
        Some(artifact) => Ok(Material::Artifact(artifact)),
        None => Ok(Material::Component(actor_spec::read_component(what)?.bytes)),
    }
}

/// Reads a file if it is an artifact. One that is not there is left to whoever reads components, and has the words for it.
fn read_artifact(path: &Path) -> Result<Option<Vec<u8>>> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return Ok(None);
    };
    let unreadable = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    if file.metadata().is_ok_and(|about| !about.is_file()) {
        return Ok(None);
    }
    file.by_ref().take(8).read_to_end(&mut bytes).with_context(unreadable)?;
    if !is_artifact(&bytes) {
        return Ok(None);
    }
    file.take(CODE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .with_context(unreadable)?;
    if bytes.len() as u64 > CODE_BYTES_MAX {
        let most = CODE_BYTES_MAX >> 20;
        return Err(
            Failure::failed(format!("{} is no code that hosts take", path.display()))
                .because(format!("it has more than {most} MiB"))
                .into(),
        );
    }
    Ok(Some(bytes))
}
