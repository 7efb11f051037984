//! Manifests: which layer of an image is the component. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use lattice_core::Digest;
use serde::{Deserialize, Serialize};

use crate::error::OciError;
use crate::reference::ImageRef;

/// What the config of a component is, in the layout of the CNCF.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// What its one layer is.
pub const COMPONENT_MEDIA_TYPE: &str = "application/wasm";
/// What the signature of an image is: as an artifact, and as its layer.
pub const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.lattice.signature.v1+jwt";
/// The largest manifest that is read; registries take no larger ones either.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 << 20;

pub(crate) const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const TITLE: &str = "org.opencontainers.image.title";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Every kind of manifest that is asked for.
pub(crate) const MANIFEST_TYPES: [&str; 4] = [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// What tools have called a layer of WebAssembly, first to last.
const WASM_LAYERS: [&str; 3] = [
    COMPONENT_MEDIA_TYPE,
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// Names some bytes: what they are, their digest, how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What they are.
    pub media_type: String,
    /// Their digest.
    pub digest: Digest,
    /// How many.
    pub size: u64,
    /// What the artifact is, if they are the manifest of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Whatever else somebody says of them.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

/// The machine that an image of an index is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    architecture: String,
    os: String,
}

impl Descriptor {
    /// Describes bytes that are here.
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: None,
            platform: None,
        }
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

fn is_empty(annotations: &Option<BTreeMap<String, String>>) -> bool {
    annotations.as_ref().is_none_or(BTreeMap::is_empty)
}

/// The manifest of one image or artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
}

/// A list of manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) manifests: Vec<Descriptor>,
}

/// What a manifest turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Image(Box<ImageManifest>),
    Index(Index),
}

impl Document {
    /// Reads a manifest of either kind.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            schema_version: u32,
            media_type: Option<String>,
            #[serde(default)]
            manifests: Option<serde::de::IgnoredAny>,
        }
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(format!(
                "it has {} bytes, {MANIFEST_BYTES_MAX} are the most",
                bytes.len()
            ));
        }
        let told = |error: serde_json::Error| error.to_string();
        let kind: Kind = serde_json::from_slice(bytes).map_err(told)?;
        if kind.schema_version != 2 {
            return Err(format!("it has the schema version {}, 2 is known", kind.schema_version));
        }
        match kind.media_type.as_deref() {
            Some(IMAGE_INDEX | DOCKER_LIST) => serde_json::from_slice(bytes).map(Self::Index).map_err(told),
            Some(IMAGE_MANIFEST | DOCKER_MANIFEST) => serde_json::from_slice(bytes).map(Self::Image).map_err(told),
            None if kind.manifests.is_some() => serde_json::from_slice(bytes).map(Self::Index).map_err(told),
            None => serde_json::from_slice(bytes).map(Self::Image).map_err(told),
            Some(other) => Err(format!("its media type `{other}` is not known")),
        }
    }
}

impl Index {
    /// The manifest that is for WebAssembly, or the only one there is.
    pub(crate) fn choose(&self) -> Result<&Descriptor, String> {
        let is_wasm = |entry: &&Descriptor| {
            entry
                .platform
                .as_ref()
                .is_some_and(|platform| platform.architecture == "wasm" || platform.os.starts_with("wasi"))
        };
        let mut wasm = self.manifests.iter().filter(is_wasm);
        match (wasm.next(), wasm.next(), self.manifests.as_slice()) {
            (Some(one), None, _) | (None, None, [one]) => Ok(one),
            (Some(_), Some(_), _) => Err("it lists several images for WebAssembly; name one by its digest".to_owned()),
            (None, ..) => Err("it lists images for several machines, and none for WebAssembly".to_owned()),
        }
    }
}

/// A layer that is the component, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer<'a> {
    Component(&'a Descriptor),
    None,
    Several(usize),
}

impl ImageManifest {
    /// The layer with the component: the one that says it is WebAssembly, else the only one there is, else the only one named `*.wasm`.
    /// Whether it is a component its bytes will tell.
    pub(crate) fn component(&self) -> Result<&Descriptor, String> {
        let by_type = only(
            self.layers
                .iter()
                .filter(|layer| WASM_LAYERS.contains(&layer.media_type.as_str())),
        );
        let by_title = || {
            let titled = |layer: &&Descriptor| layer.annotation(TITLE).is_some_and(|title| title.ends_with(".wasm"));
            only(self.layers.iter().filter(titled))
        };
        match (by_type, self.layers.as_slice()) {
            (Layer::Component(layer), _) | (Layer::None, [layer]) => Ok(layer),
            (Layer::Several(count), _) => Err(format!("it has {count} layers of WebAssembly, one is expected")),
            (Layer::None, []) => Err("it has no layers".to_owned()),
            (Layer::None, layers) => match by_title() {
                Layer::Component(layer) => Ok(layer),
                _ => Err(format!(
                    "none of its {} layers says that it is WebAssembly",
                    layers.len()
                )),
            },
        }
    }
}

fn only<'a>(layers: impl Iterator<Item = &'a Descriptor>) -> Layer<'a> {
    let layers: Vec<_> = layers.collect();
    match layers.as_slice() {
        [] => Layer::None,
        [layer] => Layer::Component(layer),
        several => Layer::Several(several.len()),
    }
}

/// An image whose manifest was read: from here on digests say what is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The image, pinned to its manifest.
    pub reference: ImageRef,
    /// Its manifest.
    pub manifest: Descriptor,
    /// The manifest's bytes.
    pub manifest_bytes: Bytes,
    /// The layer that is the component.
    pub component: Descriptor,
    /// The config.
    pub config: Descriptor,
    /// Other layers, which nobody here needs: whoever copies the image has to copy them too.
    pub others: Vec<Descriptor>,
}

impl Image {
    /// Reads the manifest of an image.
    ///
    /// # Errors
    /// When it is none, or names no component.
    pub fn read(reference: &ImageRef, manifest_bytes: Bytes) -> Result<Self, OciError> {
        let malformed = |why: String| OciError::Malformed {
            image: reference.to_string(),
            why,
        };
        let manifest = match Document::parse(&manifest_bytes).map_err(malformed)? {
            Document::Image(manifest) => manifest,
            Document::Index(_) => return Err(malformed("it is an index of images, not an image".to_owned())),
        };
        let not_wasm = |why: String| OciError::NotWasm {
            image: reference.to_string(),
            why,
        };
        let component = manifest.component().map_err(not_wasm)?.clone();
        let described = Descriptor::of(
            manifest.media_type.as_deref().unwrap_or(IMAGE_MANIFEST),
            &manifest_bytes,
        );
        Ok(Self {
            reference: reference.pinned(described.digest),
            manifest: described,
            manifest_bytes,
            others: manifest
                .layers
                .into_iter()
                .filter(|layer| *layer != component)
                .collect(),
            component,
            config: manifest.config,
        })
    }
}

/// The config of a component, as the CNCF's layout has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WasmConfig {
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Always `wasm`.
    #[serde(default)]
    pub architecture: String,
    /// `wasip2`, or `wasip1` for a module.
    #[serde(default)]
    pub os: String,
    /// The digest of each layer.
    #[serde(default)]
    pub layer_digests: Vec<String>,
    /// What a component imports and exports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<World>,
}

/// What a component imports and exports, by name: `wasi:keyvalue/store@0.2.0-draft`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// What it offers.
    #[serde(default)]
    pub exports: Vec<String>,
    /// What it needs.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The world it is for, if somebody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer(media_type: &str, title: Option<&str>) -> Descriptor {
        let mut layer = Descriptor::of(media_type, media_type.as_bytes());
        layer.annotations = title.map(|title| BTreeMap::from([(TITLE.to_owned(), title.to_owned())]));
        layer
    }

    fn manifest(layers: Vec<Descriptor>) -> ImageManifest {
        ImageManifest {
            schema_version: 2,
            media_type: Some(IMAGE_MANIFEST.to_owned()),
            artifact_type: None,
            config: Descriptor::of(EMPTY, b"{}"),
            layers,
            subject: None,
        }
    }

    #[test]
    fn the_component_is_found_whoever_pushed_it() {
        let tar = "application/vnd.oci.image.layer.v1.tar";
        let check = |layers: Vec<Descriptor>, expect: Result<usize, &str>| {
            let manifest = manifest(layers);
            match (manifest.component(), expect) {
                (Ok(found), Ok(n)) => assert_eq!(found, &manifest.layers[n]),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (found, expect) => panic!("{found:?}, not {expect:?}"),
            }
        };
        for media_type in WASM_LAYERS {
            check(vec![layer(media_type, None)], Ok(0));
            check(vec![layer(tar, None), layer(media_type, None)], Ok(1));
        }
        check(vec![layer(tar, Some("web.wasm"))], Ok(0));
        check(vec![layer(tar, Some("README.md")), layer(tar, Some("web.wasm"))], Ok(1));
        check(vec![], Err("no layers"));
        check(vec![layer(tar, None), layer(tar, None)], Err("none of its 2 layers"));
        check(
            vec![layer(WASM_LAYERS[0], None), layer(WASM_LAYERS[1], None)],
            Err("2 layers"),
        );
    }

    #[test]
    fn of_an_index_the_image_for_webassembly_is_meant() {
        let entry = |architecture: &str, os: &str| Descriptor {
            platform: Some(Platform {
                architecture: architecture.to_owned(),
                os: os.to_owned(),
            }),
            ..Descriptor::of(IMAGE_MANIFEST, architecture.as_bytes())
        };
        let index = |manifests: Vec<Descriptor>| Index {
            schema_version: 2,
            media_type: None,
            manifests,
        };
        let mixed = index(vec![entry("amd64", "linux"), entry("wasm", "wasip2")]);
        assert_eq!(mixed.choose(), Ok(&mixed.manifests[1]));
        let single = index(vec![entry("amd64", "linux")]);
        assert_eq!(single.choose(), Ok(&single.manifests[0]));
        assert!(
            index(vec![entry("amd64", "linux"), entry("arm64", "linux")])
                .choose()
                .is_err()
        );
        assert!(index(Vec::new()).choose().is_err());
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_a_reason() {
        let check = |text: &str, part: &str| {
            let why = Document::parse(text.as_bytes()).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        };
        check("{}", "schemaVersion");
        check(r#"{"schemaVersion": 1}"#, "schema version 1");
        check(r#"{"schemaVersion": 2, "mediaType": "text/plain"}"#, "text/plain");
        check(r#"{"schemaVersion": 2, "layers": []}"#, "config");
        let negative = r#"{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:aa","size":-1},"layers":[]}"#;
        check(negative, "digest");
        check("<html>", "expected value");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Document::parse(&bytes);
        }
    }
}
