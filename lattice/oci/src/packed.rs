//! A component made ready to travel: its config and its manifest.

use bytes::Bytes;
use lattice_core::Digest;

use crate::manifest::{
    COMPONENT_MEDIA_TYPE, CONFIG_MEDIA_TYPE, Descriptor, IMAGE_MANIFEST, ImageManifest, WasmConfig, World,
};
use crate::wasm::{Flaw, check_component};

/// A fixed time, so that the same component has the same manifest whoever packs it, and whenever.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A component with everything around it.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The component.
    pub component: Bytes,
    /// Its config.
    pub config: Bytes,
    /// Its manifest.
    pub manifest: Bytes,
    described: Descriptor,
    component_digest: Digest,
}

impl Packed {
    /// Packs a component that has this world.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(component: Bytes, world: World) -> Result<Self, Flaw> {
        check_component(&component)?;
        let layer = Descriptor::of(COMPONENT_MEDIA_TYPE, &component);
        let component_digest = layer.digest;
        let config = to_json(&WasmConfig {
            created: Some(CREATED.to_owned()),
            author: None,
            architecture: "wasm".to_owned(),
            os: "wasip2".to_owned(),
            layer_digests: vec![layer.digest.to_string()],
            component: Some(world),
        });
        let manifest = to_json(&ImageManifest {
            schema_version: 2,
            media_type: Some(IMAGE_MANIFEST.to_owned()),
            artifact_type: None,
            config: Descriptor::of(CONFIG_MEDIA_TYPE, &config),
            layers: vec![layer],
            subject: None,
        });
        Ok(Self {
            described: Descriptor::of(IMAGE_MANIFEST, &manifest),
            component,
            config,
            manifest,
            component_digest,
        })
    }

    /// The digest of the component.
    pub fn component_digest(&self) -> Digest {
        self.component_digest
    }

    /// What names the manifest.
    pub fn described(&self) -> &Descriptor {
        &self.described
    }

    /// The digest of the manifest.
    pub fn manifest_digest(&self) -> Digest {
        self.described.digest
    }
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("structs of texts and numbers are always JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Document;

    #[test]
    fn the_layout_is_that_of_the_cncf() {
        let component = Bytes::from_static(b"\0asm\x0d\0\x01\0");
        let world = World {
            exports: vec!["wasi:http/incoming-handler@0.2.0".to_owned()],
            ..World::default()
        };
        let packed = Packed::new(component.clone(), world).expect("a component");
        let Ok(Document::Image(manifest)) = Document::parse(&packed.manifest) else {
            panic!("an image");
        };
        assert_eq!(manifest.config.media_type, "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest.layers, [Descriptor::of("application/wasm", &component)]);
        let config: serde_json::Value = serde_json::from_slice(&packed.config).expect("JSON");
        assert_eq!(config["architecture"], "wasm");
        assert_eq!(config["layerDigests"][0], packed.component_digest().to_string());
        assert_eq!(config["component"]["exports"][0], "wasi:http/incoming-handler@0.2.0");
        assert!(Packed::new(Bytes::from_static(b"\0asm\x01\0\0\0"), World::default()).is_err());
    }
}
