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

/// Tells the service manager, if one asked (systemd's `Type=notify`): one datagram to the socket it named.
#[cfg(unix)]
pub(crate) fn notify_service_manager(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "cannot tell the service manager `{state}`");
    }
}

#[cfg(not(unix))]
pub(crate) fn notify_service_manager(_state: &str) {}

#[cfg(unix)]
fn send(socket: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let datagram = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::unix::ffi::OsStrExt::as_bytes(socket).strip_prefix(b"@") {
        let address = <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?;
        datagram.send_to_addr(state.as_bytes(), &address)?;
        return Ok(());
    }
    let address = SocketAddr::from_pathname(socket)?;
    datagram.send_to_addr(state.as_bytes(), &address).map(drop)
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
