//! Machine code on disk.
//!
//! Loading machine code is running it, so the folder is ours alone, and a file is loaded only if it is whole: its name holds
//! the digest of its content. What is missing, damaged or of another compiler is compiled again; no trouble here is ever a
//! reason not to run.
//!
//! ```text
//! <cache>/<fingerprint of the engine>/<digest of the component>-<digest of the file>.cwasm
//! <cache>/signed/<digest of the component>-<digest of the file>.cwasm
//! ```
//!
//! What was compiled elsewhere is kept in the second folder, and taken from there only for a signature that names both digests.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lattice_core::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use super::signed;

const SUFFIX: &str = ".cwasm";

/// A folder of machine code, or none when the folder cannot be trusted.
pub(super) struct DiskCache {
    root: Option<PathBuf>,
    bytes_max: u64,
}

impl DiskCache {
    pub(super) fn open(root: PathBuf, bytes_max: u64) -> Self {
        match make_private(&root) {
            Ok(()) => Self {
                root: Some(root),
                bytes_max,
            },
            Err(error) => {
                tracing::warn!(folder = %root.display(), %error, "components are compiled anew on each start");
                Self { root: None, bytes_max }
            }
        }
    }

    /// Whether there is code of this component that was compiled here, for whatever engine.
    pub(super) fn mentions(&self, digest: &Digest) -> bool {
        let Some(root) = &self.root else { return false };
        entries(root).any(|folder| !folder.ends_with(signed::FOLDER) && find(&folder, digest).is_some())
    }

    /// The code of this component in a folder of code that was compiled here for this engine.
    #[cfg(feature = "compiler")]
    pub(super) fn get(&self, engine: &wasmtime::Engine, folder: &str, digest: &Digest) -> Option<Component> {
        let file = find(&self.root.as_ref()?.join(folder), digest)?;
        match load(engine, &file) {
            Ok(component) => {
                touch(&file);
                Some(component)
            }
            Err(Unloadable::Damaged(problem) | Unloadable::Refused(problem)) => {
                tracing::warn!(file = %file.display(), %problem, "machine code is damaged and will be compiled again");
                let _ = fs::remove_file(&file);
                None
            }
        }
    }

    /// Exactly this code of this component, or none when it is not here; or why the engine does not take it.
    pub(super) fn get_exactly(
        &self,
        engine: &wasmtime::Engine,
        folder: &str,
        digest: &Digest,
        code: &Digest,
    ) -> Option<Result<Component, String>> {
        let file = self.root.as_ref()?.join(folder).join(name(digest, code));
        if !file.exists() {
            return None;
        }
        match load(engine, &file) {
            Ok(component) => {
                touch(&file);
                Some(Ok(component))
            }
            Err(Unloadable::Refused(problem)) => Some(Err(problem)),
            Err(Unloadable::Damaged(problem)) => {
                tracing::warn!(file = %file.display(), %problem, "machine code is damaged and will be fetched again");
                let _ = fs::remove_file(&file);
                None
            }
        }
    }

    /// Keeps code of this component instead of what there is of it in the folder.
    pub(super) fn put(&self, folder: &str, digest: &Digest, code: &[u8]) {
        let Some(root) = &self.root else { return };
        let folder = root.join(folder);
        if let Err(error) = store(&folder, digest, code) {
            tracing::warn!(folder = %folder.display(), %error, "machine code was not kept");
        }
        self.tidy();
    }

    /// Removes what was not used for longest until the rest fits.
    fn tidy(&self) {
        let Some(root) = &self.root else { return };
        let mut files: Vec<_> = entries(root)
            .flat_map(|folder| entries(&folder))
            .filter_map(|path| {
                let about = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
                Some((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), path))
            })
            .collect();
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if total <= self.bytes_max {
                break;
            }
            // Code that runs stays mapped; only its name goes.
            if fs::remove_file(&path).is_ok() {
                total -= len;
            }
        }
    }
}

/// Makes the folder if need be, and sees to it that nobody else can put code there.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let about = fs::symlink_metadata(folder)?;
    if !about.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if about.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
}

fn name(digest: &Digest, code: &Digest) -> String {
    format!("{}-{}{SUFFIX}", digest.hex(), code.hex())
}

/// For whoever tidies up: it is still of use.
fn touch(file: &Path) {
    let _ = File::open(file).and_then(|file| file.set_modified(SystemTime::now()));
}

fn find(folder: &Path, digest: &Digest) -> Option<PathBuf> {
    let prefix = format!("{}-", digest.hex());
    entries(folder).find(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(SUFFIX))
    })
}

fn store(folder: &Path, digest: &Digest, code: &[u8]) -> io::Result<()> {
    make_private(folder)?;
    let mut file = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
    file.write_all(code)?;
    file.as_file().sync_all()?;
    let name = name(digest, &Digest::of(code));
    let old = find(folder, digest);
    file.persist(folder.join(&name)).map_err(|error| error.error)?;
    // Two compilations of one component may differ in a few bytes. One file is enough.
    if let Some(old) = old.filter(|old| !old.ends_with(&name)) {
        fs::remove_file(old)?;
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "loading machine code is running it; the checks before it are what this module is for"
)]
fn load(engine: &wasmtime::Engine, file: &Path) -> Result<Component, Unloadable> {
    let promised = file
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(SUFFIX))
        .and_then(|name| name.rsplit_once('-'))
        .map(|(_, digest)| digest.to_owned())
        .ok_or_else(|| Unloadable::Damaged("its name is none of ours".to_owned()))?;
    let found = digest_of(file).map_err(|error| Unloadable::Damaged(error.to_string()))?;
    if found.hex() != promised {
        return Err(Unloadable::Damaged("its content is not what was written".to_owned()));
    }
    // SAFETY: the file is in a folder that only this user can write to, was written whole by `store` from what an engine
    // serialized, here or where an issuer vouches for it, and has just been checked to be unchanged. Files there are never
    // written in place.
    unsafe { Component::deserialize_file(engine, file) }.map_err(|error| Unloadable::Refused(format!("{error:#}")))
}

/// Why code on disk is not loaded.
enum Unloadable {
    /// It is not what was written.
    Damaged(String),
    /// It is, and the engine does not take it.
    Refused(String),
}

fn digest_of(file: &Path) -> io::Result<Digest> {
    let mut file = File::open(file)?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            len => hasher.update(&chunk[..len]),
        }
    }
}
