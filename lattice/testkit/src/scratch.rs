//! Folders for the length of a test.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that goes when the test passes and stays, its path printed, when it fails. `LATTICE_KEEP_SCRATCH=1` keeps all.
#[derive(Debug)]
pub struct Scratch {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// Makes a folder whose name begins with `what`.
    pub fn new(what: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("lattice-test-{what}-"))
            .tempdir()
            .expect("a temporary folder can be made");
        Self {
            path: folder.path().to_owned(),
            folder: Some(folder),
        }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into the folder and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a scratch folder is writable");
        }
        std::fs::write(&path, text).expect("a scratch folder is writable");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let keep = std::thread::panicking() || std::env::var_os("LATTICE_KEEP_SCRATCH").is_some();
        if let Some(folder) = self.folder.take()
            && keep
        {
            eprintln!("kept for inspection: {}", folder.keep().display());
        }
    }
}
