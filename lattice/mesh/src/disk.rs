//! Files that survive a power cut: written beside the old one, synced, then renamed over it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Tells apart the files that are being written.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Replaces the file at `path` by `bytes`, or leaves the old one as it was.
///
/// # Errors
/// The disk refused. The old file is intact then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file in no folder"))?;
    create_private_folder(folder)?;
    let mut name = path
        .file_name()
        .ok_or_else(|| io::Error::other("a file without a name"))?
        .to_owned();
    // Two may write the same file at once, the same configuration for instance: each beside the other.
    name.push(format!(".{}.new", WRITES.fetch_add(1, Ordering::Relaxed)));
    let beside = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&beside, path)) {
        // On a full disk, what was written of it is in the way.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    // The rename itself is only durable once the folder is.
    File::open(folder)?.sync_all()
}

/// Reads a JSON file; `None` when there is none.
///
/// # Errors
/// The file is there and cannot be read or understood. The caller decides whether to go on without it; this is never silent, because these
/// files are what stands between us and a rolled-back link.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a JSON file; see [`replace`].
///
/// # Errors
/// As [`replace`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(value)?)
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/state.json");
        assert_eq!(read_json::<Vec<u8>>(&path).expect("no file is fine"), None);
        write_json(&path, &vec![1, 2]).expect("written");
        write_json(&path, &vec![3]).expect("replaced");
        assert_eq!(read_json::<Vec<u8>>(&path).expect("readable"), Some(vec![3]));
        assert_eq!(
            fs::read_dir(path.parent().expect("a folder"))
                .expect("listable")
                .count(),
            1
        );
    }

    #[test]
    fn a_broken_file_is_an_error_not_an_absence() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        replace(&path, b"{ not json").expect("written");
        assert!(read_json::<Vec<u8>>(&path).is_err());
    }
}
