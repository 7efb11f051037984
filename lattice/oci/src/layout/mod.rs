//! Images in one file: an OCI image layout in a tar archive, as `skopeo copy oci-archive:` reads and writes it.
//!
//! Signatures stand as an annotation beside the image they are of. As artifacts of their own they would be entries of the index, and
//! skopeo does not open an archive of more than one entry unless it is told which.

mod read;
mod write;

use std::io;

use lattice_core::Digest;

use crate::manifest::Descriptor;
use crate::wasm::Flaw;

pub use read::Bundle;
pub use write::Writer;

/// Under which name an image of a layout is known.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The signatures of an image of a layout, separated by spaces.
const SIGNATURES: &str = "dev.lattice.signatures";
const LAYOUT_FILE: &str = "oci-layout";
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX_FILE: &str = "index.json";
const BLOBS: &str = "blobs/sha256";

/// An image in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Under which name, if whoever wrote the file gave it one.
    pub name: Option<String>,
    /// Its manifest.
    pub manifest: Descriptor,
    /// Its component.
    pub component: Descriptor,
    /// Its signatures. Nothing in them is verified.
    pub signatures: Vec<String>,
}

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("the file fails")]
    File(#[from] io::Error),
    /// It is something else.
    #[error("it is no OCI image layout in a tar file: {0}")]
    NotALayout(String),
    /// It names bytes that are not in it.
    #[error("it names {0}, which is not in it")]
    Missing(Digest),
    /// Its bytes are not those it names.
    #[error("it has something else as {0}: the file is damaged")]
    Damaged(Digest),
    /// An image has something in it that is larger than the reader takes.
    #[error("{digest} in it has {bytes} bytes, {max} are the most")]
    TooLarge {
        /// Which.
        digest: Digest,
        /// How many bytes it has.
        bytes: u64,
        /// How many would do.
        max: u64,
    },
    /// An image of it holds no component.
    #[error("{name} in it is no component ({flaw:?})")]
    NotAComponent {
        /// Which image.
        name: String,
        /// What it is instead.
        flaw: Flaw,
    },
}
