//! What hosts that `lattice up` runs here in the background log about the actors, told as it comes.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    concern::Concern,
    say::{plain, say},
};
use crate::{app::App, session::Session, up::RunRecord};

/// Between two looks at the log.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What is read at one look. A host that logs faster than that is read later, and the file keeps it.
const READ_BYTES_MAX: u64 = 256 << 10;

/// Tells new lines until it is dropped.
pub(super) struct HostLog {
    _task: AbortOnDropHandle<()>,
}

impl HostLog {
    /// Starts to tell, if it is a lattice of this machine's `lattice up` that we talk to.
    pub(super) fn start(app: &App, session: &Session, concern: watch::Receiver<Concern>) -> Option<Self> {
        let home = app.home.lattice(&session.context.lattice);
        let record = RunRecord::read(&home.run_record()).ok().flatten()?;
        // Another lattice of the same id is somebody else's.
        let nats = record.nats?.url;
        if session.context.nats.url.as_deref() != Some(nats.as_str()) {
            return None;
        }
        let tail = Tail::at_the_end(home.log());
        Some(Self {
            _task: AbortOnDropHandle::new(tokio::spawn(tell(tail, concern))),
        })
    }
}

async fn tell(mut tail: Tail, concern: watch::Receiver<Concern>) {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let read = tokio::task::spawn_blocking(move || {
            let lines = tail.new_lines();
            (tail, lines)
        });
        let Ok((back, lines)) = read.await else { return };
        tail = back;
        for line in lines.iter().filter(|line| concern.borrow().is_named_in(line)) {
            say(&plain(line));
        }
    }
}

/// The end of a file that grows.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    at: u64,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
}

impl Tail {
    fn at_the_end(path: PathBuf) -> Self {
        let at = std::fs::metadata(&path).map_or(0, |about| about.len());
        Self {
            path,
            at,
            begun: Vec::new(),
        }
    }

    /// The lines that have come to their end since the last look. A file that cannot be read has none.
    fn new_lines(&mut self) -> Vec<String> {
        let Some(mut bytes) = read_from(&self.path, &mut self.at) else {
            return Vec::new();
        };
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            // A line that does not end must not grow for ever.
            if (self.begun.len() as u64) < READ_BYTES_MAX {
                self.begun.append(&mut bytes);
            }
            return Vec::new();
        };
        let rest = bytes.split_off(end + 1);
        let mut whole = std::mem::replace(&mut self.begun, rest);
        whole.append(&mut bytes);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

fn read_from(path: &Path, at: &mut u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    // A new `lattice up` begins a new log.
    if file.metadata().ok()?.len() < *at {
        *at = 0;
    }
    file.seek(SeekFrom::Start(*at)).ok()?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    *at += bytes.len() as u64;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_whole_new_lines_are_told_also_of_a_log_that_began_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("up.log");
        std::fs::write(&path, "long before\n").expect("writes");
        let mut tail = Tail::at_the_end(path.clone());
        let append = |text: &str| {
            let mut file = File::options().append(true).open(&path).expect("opens");
            file.write_all(text.as_bytes()).expect("writes");
        };
        assert!(tail.new_lines().is_empty());
        append("one\ntw");
        assert_eq!(tail.new_lines(), ["one"]);
        append("o");
        assert!(tail.new_lines().is_empty());
        append("\nthree\n");
        assert_eq!(tail.new_lines(), ["two", "three"]);
        std::fs::write(&path, "anew\n").expect("writes");
        assert_eq!(tail.new_lines(), ["anew"]);
    }
}
