//! Small files that must be whole or absent, some of them secret.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Privacy {
    /// Only its owner (0600).
    Secret,
    /// As the umask has it.
    Plain,
    /// Everybody (0644), whatever the umask: another user than who writes it has to read it.
    Readable,
}

/// Creates a folder, and those above it, which everybody may look into (0755), whatever the umask.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    let made = || {
        if path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(path)?;
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok::<(), io::Error>(())
    };
    made().with_context(|| format!("cannot create the folder {}", path.display()))
}

/// Creates a folder, and those above it, for its owner only (0700).
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot create the folder {}", path.display()))
}

/// Writes a file so that a reader sees the old bytes or the new ones, never half, and a secret is never readable to
/// others, not even for a moment.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], privacy: Privacy) -> Result<()> {
    write_beside_and_rename(path, bytes, privacy).with_context(|| format!("cannot write {}", path.display()))
}

fn write_beside_and_rename(path: &Path, bytes: &[u8], privacy: Privacy) -> io::Result<()> {
    let beside = temporary_name(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if privacy == Privacy::Secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    // Left behind by a process of the same id that died between the two steps.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = (|| {
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        #[cfg(unix)]
        if privacy == Privacy::Readable {
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Reads a file that may not be there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed");
        write_atomically(&path, b"one", Privacy::Secret).unwrap();
        write_atomically(&path, b"two", Privacy::Secret).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "the temporary file is gone"
        );
    }

    #[test]
    fn a_missing_file_is_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_if_there(&dir.path().join("nothing")).unwrap(), None);
    }
}
