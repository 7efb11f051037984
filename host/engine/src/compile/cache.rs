//! Machine code on disk.
//!
//! Loading machine code is running it, so the folder is ours alone, and a file is loaded only if it is whole: its name holds
//! the digest of its content. What is missing, damaged or of another compiler is compiled again; no trouble here is ever a
//! reason not to run.
//!
//! ```text
//! <cache>/<fingerprint of the engine>/<digest of the component>-<digest of the file>.cwasm
//! ```

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lattice_core::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use super::fingerprint::fingerprint;

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

    /// Whether there is code of this component, for whatever engine.
    pub(super) fn mentions(&self, digest: &Digest) -> bool {
        let Some(root) = &self.root else { return false };
        entries(root).any(|folder| find(&folder, digest).is_some())
    }

    pub(super) fn get(&self, engine: &wasmtime::Engine, digest: &Digest) -> Option<Component> {
        let folder = self.root.as_ref()?.join(fingerprint(engine));
        let file = find(&folder, digest)?;
        match load(engine, &file) {
            Ok(component) => {
                // For whoever tidies up: it is still of use.
                let _ = File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
                Some(component)
            }
            Err(problem) => {
                tracing::warn!(file = %file.display(), %problem, "machine code is damaged and will be compiled again");
                let _ = fs::remove_file(&file);
                None
            }
        }
    }

    pub(super) fn put(&self, digest: &Digest, component: &Component) {
        let Some(root) = &self.root else { return };
        let folder = root.join(fingerprint(component.engine()));
        let stored = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| store(&folder, digest, &code));
        if let Err(error) = stored {
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
    let name = format!("{}-{}{SUFFIX}", digest.hex(), Digest::of(code).hex());
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
fn load(engine: &wasmtime::Engine, file: &Path) -> Result<Component, String> {
    let promised = file
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(SUFFIX))
        .and_then(|name| name.rsplit_once('-'))
        .map(|(_, digest)| digest.to_owned())
        .ok_or("its name is none of ours")?;
    let found = digest_of(file).map_err(|error| error.to_string())?;
    if found.hex() != promised {
        return Err("its content is not what was written".to_owned());
    }
    // SAFETY: the file is in a folder that only this user can write to, was written whole by `store` from what an engine
    // with this fingerprint serialized, and has just been checked to be unchanged. Files there are never written in place.
    unsafe { Component::deserialize_file(engine, file) }.map_err(|error| format!("{error:#}"))
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
