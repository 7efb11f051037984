//! Reading a bundle.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use lattice_core::Digest;

use super::{BLOBS, BundleError, Bundled, INDEX_FILE, LAYOUT_FILE, REF_NAME, SIGNATURES};
use crate::manifest::{Descriptor, Document, Index, MANIFEST_BYTES_MAX};
use crate::reference::ImageRef;
use crate::wasm::check_component;

/// How deep an index may stand in an index.
const DEPTH_MAX: u32 = 3;

/// A bundle that was opened: what is in it is known, the components are read when they are asked for.
#[derive(Debug)]
pub struct Bundle {
    file: File,
    /// Where in the file each blob begins, and how long it is.
    blobs: BTreeMap<Digest, (u64, u64)>,
    images: Vec<Bundled>,
}

impl Bundle {
    /// Looks through a file. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be read, is no layout, or has no component in it.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let mut bundle = Self {
            file: File::open(path)?,
            blobs: BTreeMap::new(),
            images: Vec::new(),
        };
        let (mut has_layout, mut index) = (false, None);
        let not_a_layout = |why: &str| BundleError::NotALayout(why.to_owned());
        let mut archive = tar::Archive::new(&bundle.file);
        let entries = archive.entries()?;
        for entry in entries {
            let mut entry = entry.map_err(|_| not_a_layout("it is no tar file"))?;
            let (path, bytes) = (entry.path()?.to_string_lossy().into_owned(), entry.size());
            match path.strip_prefix("./").unwrap_or(&path) {
                LAYOUT_FILE => has_layout = true,
                INDEX_FILE if bytes > MANIFEST_BYTES_MAX as u64 => return Err(not_a_layout("its index is too large")),
                INDEX_FILE => {
                    let mut text = Vec::new();
                    entry.read_to_end(&mut text)?;
                    index = Some(text);
                }
                other => {
                    let name = other.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/'));
                    if let Some(digest) = name.and_then(|hex| format!("sha256:{hex}").parse().ok()) {
                        bundle.blobs.insert(digest, (entry.raw_file_position(), bytes));
                    }
                }
            }
        }
        let index = index
            .filter(|_| has_layout)
            .ok_or_else(|| not_a_layout("it has no index"))?;
        let Document::Index(index) = Document::parse(&index).map_err(BundleError::NotALayout)? else {
            return Err(not_a_layout("its index lists nothing"));
        };
        bundle.images = bundle.list(&index, 0)?;
        if bundle.images.is_empty() {
            return Err(not_a_layout("there is no component in it"));
        }
        Ok(bundle)
    }

    /// The images in it.
    pub fn images(&self) -> &[Bundled] {
        &self.images
    }

    /// The image of that name, or with that manifest.
    pub fn find(&self, image: &ImageRef) -> Option<&Bundled> {
        self.images.iter().find(|bundled| match image.digest() {
            Some(digest) => bundled.manifest.digest == *digest,
            None => bundled.name.as_deref() == Some(image.to_string().as_str()),
        })
    }

    /// Reads an image's component. Blocks on the disk.
    ///
    /// # Errors
    /// When it is not in the file, is damaged or too large, or no component.
    pub fn component(&self, image: &Bundled, bytes_max: u64) -> Result<Bytes, BundleError> {
        let bytes = self.blob(&image.component.digest, bytes_max)?;
        check_component(&bytes).map_err(|flaw| BundleError::NotAComponent {
            name: image.name.clone().unwrap_or_else(|| image.manifest.digest.to_string()),
            flaw,
        })?;
        Ok(bytes)
    }

    /// Reads an image's manifest. Blocks on the disk.
    ///
    /// # Errors
    /// When it is not in the file, or damaged.
    pub fn manifest(&self, image: &Bundled) -> Result<Bytes, BundleError> {
        self.blob(&image.manifest.digest, MANIFEST_BYTES_MAX as u64)
    }

    /// The images of an index. Whatever in it holds no component, such as attestations, is passed over.
    fn list(&self, index: &Index, depth: u32) -> Result<Vec<Bundled>, BundleError> {
        let mut images = Vec::new();
        for entry in &index.manifests {
            match Document::parse(&self.blob(&entry.digest, MANIFEST_BYTES_MAX as u64)?) {
                Ok(Document::Image(manifest)) => {
                    // Artifacts about other images are not for running.
                    if manifest.subject.is_none()
                        && let Ok(component) = manifest.component()
                    {
                        images.push(bundled(entry, component.clone()));
                    }
                }
                Ok(Document::Index(inner)) if depth < DEPTH_MAX => images.extend(self.list(&inner, depth + 1)?),
                _ => {}
            }
        }
        Ok(images)
    }

    fn blob(&self, digest: &Digest, bytes_max: u64) -> Result<Bytes, BundleError> {
        let (from, size) = *self.blobs.get(digest).ok_or(BundleError::Missing(*digest))?;
        if size > bytes_max {
            return Err(BundleError::TooLarge {
                digest: *digest,
                bytes: size,
                max: bytes_max,
            });
        }
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes.into())
        } else {
            Err(BundleError::Damaged(*digest))
        }
    }
}

fn bundled(entry: &Descriptor, component: Descriptor) -> Bundled {
    let signatures = entry.annotation(SIGNATURES).unwrap_or_default();
    Bundled {
        name: entry.annotation(REF_NAME).map(str::to_owned),
        manifest: entry.clone(),
        component,
        signatures: signatures.split_whitespace().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Writer;
    use crate::manifest::World;
    use crate::packed::Packed;

    fn packed(tail: &[u8]) -> Packed {
        let bytes = [b"\0asm\x0d\0\x01\0", tail].concat();
        Packed::new(bytes.into(), World::default()).expect("a component")
    }

    fn write(path: &Path, images: &[(&str, &Packed, &[String])]) {
        let mut writer = Writer::new(File::create(path).expect("made")).expect("begun");
        for (name, packed, signatures) in images {
            let blobs = [&packed.component, &packed.config];
            let kind = crate::manifest::IMAGE_MANIFEST;
            writer
                .add(name, kind, &packed.manifest, &blobs, signatures)
                .expect("added");
        }
        writer.finish().expect("written");
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle.tar");
        let (one, two) = (packed(b"one"), packed(b"two"));
        let signatures = ["a.b.c".to_owned(), "d.e.f".to_owned()];
        write(&path, &[("ghcr.io/shop/one:1", &one, &signatures), ("two", &two, &[])]);
        let bundle = Bundle::open(&path).expect("opened");
        let found = bundle
            .find(&"ghcr.io/shop/one:1".parse().expect("an image"))
            .expect("there");
        assert_eq!(found.signatures, signatures);
        assert_eq!(bundle.component(found, 1 << 20).expect("read"), one.component);
        let pinned = format!("ghcr.io/else/where@{}", two.manifest_digest());
        let found = bundle.find(&pinned.parse().expect("an image")).expect("there");
        assert_eq!(bundle.component(found, 1 << 20).expect("read"), two.component);
        assert!(matches!(bundle.component(found, 4), Err(BundleError::TooLarge { .. })));
        assert!(bundle.find(&"ghcr.io/shop/one:2".parse().expect("an image")).is_none());
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle.tar");
        let one = packed(b"find me here");
        write(&path, &[("one", &one, &[])]);
        let mut bytes = std::fs::read(&path).expect("read");
        let at = bytes
            .windows(12)
            .position(|window| window == b"find me here")
            .expect("there");
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let bundle = Bundle::open(&path).expect("its index is whole");
        let damaged = bundle.component(&bundle.images()[0], 1 << 20);
        assert!(matches!(damaged, Err(BundleError::Damaged(_))), "{damaged:?}");
        for length in [0, 100, 700, 2000] {
            std::fs::write(&path, &bytes[..length]).expect("written");
            assert!(Bundle::open(&path).is_err(), "{length} bytes");
        }
        std::fs::write(&path, b"nothing of the kind").expect("written");
        assert!(Bundle::open(&path).is_err());
    }
}
