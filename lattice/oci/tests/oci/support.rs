//! Components and images for these tests.

use bytes::Bytes;
use lattice_oci::{Image, ImageRef, OciError, Packed, Pushed, Registries, Repository, World};
use lattice_testkit::Registry;

/// As much as any component here has.
pub(crate) const BYTES_MAX: u64 = 1 << 20;

/// A component; another one for every name.
pub(crate) fn component(name: &str) -> Bytes {
    wat::parse_str(format!(r#"(component (core module (@custom "name-of-it" "{name}")))"#))
        .expect("a component")
        .into()
}

pub(crate) fn packed(name: &str) -> Packed {
    let world = World {
        imports: vec!["wasi:keyvalue/store@0.2.0-draft".to_owned()],
        ..World::default()
    };
    Packed::new(component(name), world).expect("a component")
}

pub(crate) fn image(registry: &Registry, name: &str) -> ImageRef {
    registry.image(name).parse().expect("an image")
}

pub(crate) async fn open(image: &ImageRef) -> Repository {
    Registries::default().open(image).await.expect("nothing was asked yet")
}

pub(crate) async fn push(image: &ImageRef, packed: &Packed) -> Pushed {
    open(image).await.push(packed, &|_| ()).await.expect("pushed")
}

/// Resolves an image, and downloads its component.
pub(crate) async fn pull(image: &ImageRef) -> Result<(Image, Bytes), OciError> {
    let repository = open(image).await;
    let resolved = repository.resolve().await?;
    let bytes = repository.component(&resolved, BYTES_MAX, &|_| ()).await?;
    Ok((resolved, bytes))
}
