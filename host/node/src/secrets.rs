//! Secrets that this host keeps for its actors: one file each, named as the manifest names it. Their values never leave the host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lattice_control::ControlError;

/// The longest secret that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The folder with this host's secrets.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads the secrets that an actor asks for: by the key under which it asks, the value.
    ///
    /// # Errors
    /// Names every one that is not there.
    pub(crate) fn resolve(&self, wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ControlError> {
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for (key, name) in wanted {
            match read(&self.folder, name) {
                Some(value) => drop(found.insert(key.clone(), value)),
                None => missing.push(format!("`{name}`")),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let folder = self.folder.display();
        Err(
            ControlError::invalid(format!("this host has no secret {}", missing.join(", ")))
                .with_help(format!("put each into a file of its name in {folder} on the host")),
        )
    }
}

/// A secret's value, without the line break that editors put at its end.
fn read(folder: &Path, name: &str) -> Option<String> {
    let plain = !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let path = folder.join(name);
    if !plain || name.is_empty() || std::fs::metadata(&path).ok()?.len() > SECRET_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_by_name_and_nothing_outside_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("secrets")).expect("made");
        std::fs::write(folder.path().join("outside"), "no").expect("written");
        std::fs::write(folder.path().join("secrets/api-key"), "s3cret\n").expect("written");
        let secrets = Secrets::new(folder.path().join("secrets"));
        let ask = |name: &str| secrets.resolve(&[("KEY".to_owned(), name.to_owned())].into());
        assert_eq!(ask("api-key").expect("it is there")["KEY"], "s3cret");
        for name in ["other", "../outside", "..", ""] {
            assert!(ask(name).is_err(), "{name}");
        }
    }
}
