//! Components on this host's disk, by digest, and beside each its signatures.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use lattice_control::{ARTIFACT_BYTES_MAX, SIGNATURES_BYTES_MAX, artifact_name, signatures_name};
use lattice_core::Digest;
use lattice_core::token::ImageTokens;

use super::sweep::Blob;

/// A content-addressed folder. What is read back is hashed again, so a file that rotted or was tampered with is never
/// handed out: it is removed and fetched anew.
///
/// All methods block on the disk; call them on a blocking thread.
#[derive(Debug, Clone)]
pub(crate) struct BlobStore {
    folder: PathBuf,
}

impl BlobStore {
    /// Opens the store in `folder`, which is made when it is not there.
    pub(crate) fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Reads the bytes of `digest`; `None` when they are not here, or no longer what they were.
    pub(crate) fn get(&self, digest: &Digest) -> io::Result<Option<Bytes>> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        note_use(&file);
        let mut bytes = Vec::new();
        file.take(ARTIFACT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if Digest::of(&bytes) == *digest {
            return Ok(Some(Bytes::from(bytes)));
        }
        tracing::warn!(%digest, "a component on disk is not what it was; it will be fetched again");
        fs::remove_file(&path)?;
        Ok(None)
    }

    /// Keeps `bytes` under `digest`, which the caller has checked. A crash leaves the whole file or none.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        if path.exists() {
            return Ok(());
        }
        self.replace(&path, bytes)
    }

    /// Reads the signatures that are kept beside a component. Nothing in them is verified.
    pub(crate) fn tokens(&self, digest: &Digest) -> io::Result<ImageTokens> {
        let mut bytes = Vec::new();
        match File::open(self.folder.join(signatures_name(digest))) {
            Ok(file) => file.take(SIGNATURES_BYTES_MAX).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(ImageTokens::read(*digest, &bytes))
    }

    /// Keeps signatures beside a component, with those that are there.
    pub(crate) fn add_tokens(&self, digest: &Digest, tokens: &ImageTokens) -> io::Result<()> {
        let mut known = self.tokens(digest)?;
        if !known.add(tokens.iter()) {
            return Ok(());
        }
        self.replace(&self.folder.join(signatures_name(digest)), &known.encode())
    }

    /// Every component here.
    pub(crate) fn list(&self) -> io::Result<Vec<Blob>> {
        let mut blobs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|hex| format!("sha256:{hex}").parse().ok()) else {
                continue;
            };
            // It may have been removed since; then there is nothing to list.
            let Ok(about) = entry.metadata() else { continue };
            blobs.push(Blob {
                digest,
                bytes: about.len(),
                used: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            });
        }
        Ok(blobs)
    }

    /// Says that a component is needed now.
    pub(crate) fn touch(&self, digest: &Digest) {
        if let Ok(file) = File::open(self.path(digest)) {
            note_use(&file);
        }
    }

    /// Removes a component and its signatures.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        for name in [artifact_name(digest), signatures_name(digest)] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes what a crash in the middle of writing left behind.
    pub(crate) fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes a file whole or not at all.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(format!(".{}", uuid::Uuid::new_v4().simple()));
        let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // The first error is the one to tell; a left-over is harmless.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(artifact_name(digest))
    }
}

/// A component's file is as old as its last use. Where the disk does not take that down, it is as old as its arrival.
fn note_use(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_put_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(folder.path().join("blobs")).expect("opens");
        let digest = Digest::of(b"component");
        assert_eq!(store.get(&digest).expect("reads"), None);
        store.put(&digest, b"component").expect("writes");
        store.put(&digest, b"component").expect("again is no error");
        assert_eq!(store.get(&digest).expect("reads").as_deref(), Some(&b"component"[..]));
        assert_eq!(store.get(&Digest::of(b"other")).expect("reads"), None);
    }

    #[test]
    fn a_file_that_changed_on_disk_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(folder.path()).expect("opens");
        let digest = Digest::of(b"component");
        store.put(&digest, b"component").expect("writes");
        fs::write(store.path(&digest), b"tampered!").expect("writes");
        assert_eq!(store.get(&digest).expect("reads"), None);
        store.put(&digest, b"component").expect("writes");
        assert_eq!(store.get(&digest).expect("reads").as_deref(), Some(&b"component"[..]));
        assert_eq!(
            fs::read_dir(folder.path()).expect("lists").count(),
            1,
            "no temporary file is left"
        );
    }
}
