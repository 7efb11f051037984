//! Writing a bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use bytes::Bytes;
use lattice_core::Digest;

use super::{BLOBS, BundleError, INDEX_FILE, LAYOUT, LAYOUT_FILE, REF_NAME, SIGNATURES};
use crate::manifest::{Descriptor, IMAGE_INDEX, Index, MANIFEST_BYTES_MAX};
use crate::packed::to_json;

/// Writes images into a tar file, one after the other. The same images make the same file.
pub struct Writer<W: Write> {
    tar: tar::Builder<W>,
    written: BTreeSet<Digest>,
    entries: Vec<Descriptor>,
}

impl<W: Write> Writer<W> {
    /// Begins a bundle.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: W) -> Result<Self, BundleError> {
        let mut tar = tar::Builder::new(file);
        append(&mut tar, LAYOUT_FILE, LAYOUT)?;
        Ok(Self {
            tar,
            written: BTreeSet::new(),
            entries: Vec::new(),
        })
    }

    /// Adds an image: its manifest, and everything that names.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(
        &mut self,
        name: &str,
        media_type: &str,
        manifest: &Bytes,
        blobs: &[&Bytes],
        signatures: &[String],
    ) -> Result<(), BundleError> {
        for blob in blobs.iter().copied().chain([manifest]) {
            let digest = Digest::of(blob);
            if self.written.insert(digest) {
                append(&mut self.tar, &format!("{BLOBS}/{}", digest.hex()), blob)?;
            }
        }
        let mut annotations = BTreeMap::from([(REF_NAME.to_owned(), name.to_owned())]);
        if !signatures.is_empty() {
            annotations.insert(SIGNATURES.to_owned(), signatures.join(" "));
        }
        self.entries.push(Descriptor {
            annotations: Some(annotations),
            ..Descriptor::of(media_type, manifest)
        });
        Ok(())
    }

    /// Writes what is in it, and gives the file back.
    ///
    /// # Errors
    /// When the file cannot be written, or has more images than readers take.
    pub fn finish(mut self) -> Result<W, BundleError> {
        let index = to_json(&Index {
            schema_version: 2,
            media_type: Some(IMAGE_INDEX.to_owned()),
            manifests: self.entries,
        });
        if index.len() > MANIFEST_BYTES_MAX {
            return Err(BundleError::NotALayout(
                "there are more images than one index holds; make two".to_owned(),
            ));
        }
        append(&mut self.tar, INDEX_FILE, &index)?;
        Ok(self.tar.into_inner()?)
    }
}

fn append<W: Write>(tar: &mut tar::Builder<W>, path: &str, bytes: &[u8]) -> Result<(), BundleError> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, path, bytes)?;
    Ok(())
}
