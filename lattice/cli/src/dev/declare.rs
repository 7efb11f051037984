//! The application as it shall be now: derived from the component that was built, or as the manifest says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{
    derive::{Built, derive},
    plan::{Origin, Wishes},
};
use crate::{
    actor_spec::read_component,
    component,
    failure::Failure,
    images::Fetched,
    manifests::{Declared, ManifestArgs},
};

/// Reads the components, and says what shall run.
///
/// # Errors
/// When a component cannot be read, needs what nobody serves, or the manifest has mistakes.
pub(super) async fn declare(origin: &Origin) -> Result<Declared> {
    match origin {
        Origin::Manifest(file) => from_manifest(file).await,
        Origin::Derived { component, wishes } => from_component(component, wishes),
    }
}

/// The files that the components of an application lie in, as far as they are files.
pub(super) fn component_files(declared: &Declared, origin: &Origin) -> Vec<PathBuf> {
    let folder = match origin {
        Origin::Manifest(file) => file.parent().unwrap_or(Path::new("")),
        Origin::Derived { .. } => Path::new(""),
    };
    let images = declared.application.actors.iter().map(|actor| &actor.spec.image);
    let files = images.map(|image| folder.join(image.strip_prefix("file://").unwrap_or(image)));
    files.filter_map(|file| file.canonicalize().ok()).collect()
}

fn from_component(file: &Path, wishes: &Wishes) -> Result<Declared> {
    let read = read_component(&file.to_string_lossy()).context("there is no component to run")?;
    let fetched = Fetched::of_file(read.image, read.bytes.into());
    let built = Built {
        digest: fetched.digest,
        image: fetched.image.clone(),
        world: component::read(&fetched.bytes)?,
    };
    Ok(Declared {
        application: derive(&built, wishes)?,
        components: BTreeMap::from([(built.digest, fetched)]),
    })
}

/// Reads a manifest as `lattice apply -f FILE` does.
async fn from_manifest(file: &Path) -> Result<Declared> {
    let mut declared = ManifestArgs::of(file).load(None).await?;
    match (declared.pop(), declared.len()) {
        (Some(one), 0) => Ok(one),
        (last, others) => {
            let count = others + usize::from(last.is_some());
            Err(
                Failure::failed(format!("{} declares {count} applications, not one", file.display()))
                    .help("give each a file of its own, and name one with --manifest FILE")
                    .into(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manifest_is_read_with_the_components_it_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (manifest, component) = (folder.path().join("lattice.yaml"), folder.path().join("x.wasm"));
        let text = "apiVersion: lattice.dev/v1\nkind: Application\nmetadata: {name: shop}\nspec:\n  actors:\n    - {name: web, image: ./x.wasm}\n";
        std::fs::write(&manifest, text).expect("writes");
        std::fs::write(&component, wat::parse_str("(component)").expect("a component")).expect("writes");
        let origin = Origin::Manifest(manifest.clone());
        let declared = declare(&origin).await.expect("it is right");
        assert_eq!(declared.application.name.as_str(), "shop");
        let component = component.canonicalize().expect("it is there");
        assert_eq!(component_files(&declared, &origin), [component]);

        let twice = format!("{text}---\n{}", text.replace("shop", "other").replace("web", "api"));
        std::fs::write(&manifest, twice).expect("writes");
        let error = declare(&origin).await.err().expect("two applications");
        assert!(error.to_string().contains("2 applications"), "{error}");
    }
}
