//! The two pipes to a browser, and its process.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Instant,
};

use serde_json::Value;
use tempfile::TempDir;

/// Messages of the browser that wait to be read; beyond it, the browser waits.
const WAITING_MAX: usize = 64;

/// A running browser, killed on drop.
pub(crate) struct Pipe {
    write: ChildStdin,
    messages: Receiver<Value>,
    process: Child,
    _profile: TempDir,
}

/// Why there is no message.
pub(crate) enum NoMessage {
    /// The browser has ended.
    Ended,
    /// There was none in time.
    Late,
}

impl Pipe {
    /// Starts a browser with a profile of its own.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let profile = tempfile::Builder::new().prefix("lattice-browser-").tempdir()?;
        // It reads from its third descriptor and writes to its fourth, which only a shell can arrange without unsafe code.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh"])
            .arg(program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
                "--disable-extensions",
            ])
            // The page is ours, and many a container gives it no sandbox; nor much shared memory.
            .args([
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--no-proxy-server",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let write = process.stdin.take().expect("it is piped");
        let read = process.stdout.take().expect("it is piped");
        let (sender, messages) = sync_channel(WAITING_MAX);
        // It ends with the browser's side of the pipe, or when nobody takes its messages any more.
        thread::Builder::new()
            .name("browser".to_owned())
            .spawn(move || read_all(read, &sender))?;
        Ok(Self {
            write,
            messages,
            process,
            _profile: profile,
        })
    }

    /// Sends a message. That it cannot be sent is told by the answer that does not come.
    pub(crate) fn send(&mut self, message: &Value) {
        let text = message.to_string() + "\0";
        let _ = self.write.write_all(text.as_bytes());
    }

    /// The next message, if there is one until then.
    pub(crate) fn next(&self, until: Instant) -> Result<Value, NoMessage> {
        let left = until.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => NoMessage::Late,
            RecvTimeoutError::Disconnected => NoMessage::Ended,
        })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Messages end with a zero byte.
fn read_all(read: ChildStdout, sender: &SyncSender<Value>) {
    let mut read = BufReader::new(read);
    let mut text = Vec::new();
    while let Ok(1..) = read.read_until(0, &mut text) {
        let message = text.strip_suffix(&[0]).map(serde_json::from_slice);
        if let Some(Ok(message)) = message
            && sender.send(message).is_err()
        {
            break;
        }
        text.clear();
    }
}
