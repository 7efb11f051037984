//! Components in OCI registries and in files that travel by hand.
//!
//! A component is pushed in the layout of the CNCF's WebAssembly working group: a config that says what it imports and exports, and
//! exactly one layer with the component itself. What other tools push is read all the same. Everything that comes from a registry is
//! named by a digest after the first look, bounded before it is downloaded, and hashed before it is believed.
//!
//! Where to start reading: [`ImageRef`] for names, [`Repository`] for what is asked of a registry, `manifest` for which of an image's
//! layers is the component, `signature` for how tokens travel beside images.

mod credentials;
mod error;
#[cfg(feature = "layout")]
mod layout;
mod manifest;
mod packed;
mod pull;
#[cfg(feature = "push")]
mod push;
mod reference;
mod registry;
mod signature;
mod wasm;

pub use error::{OciError, OciErrorKind};
#[cfg(feature = "layout")]
pub use layout::{Bundle, BundleError, Bundled, Writer as BundleWriter};
pub use manifest::{
    COMPONENT_MEDIA_TYPE, CONFIG_MEDIA_TYPE, Descriptor, Image, SIGNATURE_MEDIA_TYPE, WasmConfig, World,
};
pub use packed::Packed;
#[cfg(feature = "push")]
pub use push::Pushed;
pub use reference::{BadReference, ImageRef};
pub use registry::{Registries, Repository};
pub use wasm::{Flaw, check_component};
