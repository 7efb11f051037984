//! Saying "I serve now" to whoever started this process.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

/// The ready file while this host serves: written whole or not at all, removed when dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes `{"host": …, "incarnation": …, "pid": …}` beside `path`, then renames it into place, so that a reader never sees half
    /// a line.
    pub(crate) fn write(path: &Path, host: &str, incarnation: &str) -> io::Result<Self> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let line = json!({ "host": host, "incarnation": incarnation, "pid": std::process::id() });
        let mut file = std::fs::File::create(&beside)?;
        writeln!(file, "{line}")?;
        drop(file);
        std::fs::rename(&beside, path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Gone already, or the folder is: either way nobody is misled.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_says_who_and_goes_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ready");
        let ready = ReadyFile::write(&path, "NABC", "00").expect("writes");
        let line: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).expect("is there")).expect("is JSON");
        assert_eq!(line["host"], "NABC");
        assert_eq!(line["pid"], std::process::id());
        drop(ready);
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 0);
    }
}
