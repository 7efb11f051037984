//! What guests write: whole lines, cut and counted, never more than a host wants to carry.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use lattice_core::{ActorKey, TraceId};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::linked::{Linked, LogLevel, LogLine, LogSource, Within};

/// The longest line; more is cut.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Lines that may come at once.
const BURST_LINES: f64 = 500.0;
/// Lines per second in the long run, of one actor on one host.
const LINES_PER_SECOND: f64 = 100.0;

/// Passes an actor's lines on, as many as its budget allows.
pub(crate) struct LogSink {
    linked: Arc<dyn Linked>,
    budget: Mutex<Budget>,
}

impl LogSink {
    pub(crate) fn new(linked: Arc<dyn Linked>) -> Self {
        Self {
            linked,
            budget: Mutex::new(Budget::new(Instant::now())),
        }
    }

    pub(crate) fn line(&self, line: LogLine<'_>) {
        let Some(dropped) = self.budget.lock().spend(Instant::now()) else {
            return;
        };
        if dropped > 0 {
            self.linked.log(LogLine {
                level: LogLevel::Warn,
                source: LogSource::Logging,
                context: "log",
                message: &format!("{dropped} lines were dropped: the actor logs too fast"),
                within: Within::default(),
            });
        }
        self.linked.log(LogLine {
            context: &clean(line.context),
            message: &clean(line.message),
            ..line
        });
    }
}

/// Tokens that come back with time; what finds none is counted.
struct Budget {
    lines: f64,
    at: Instant,
    dropped: u64,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self {
            lines: BURST_LINES,
            at: now,
            dropped: 0,
        }
    }

    /// Takes one line's worth. Returns how many lines were dropped since the last that was allowed, `None` to drop this one.
    fn spend(&mut self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.lines = (self.lines + elapsed * LINES_PER_SECOND).min(BURST_LINES);
        self.at = now;
        if self.lines < 1.0 {
            self.dropped += 1;
            return None;
        }
        self.lines -= 1.0;
        Some(std::mem::take(&mut self.dropped))
    }
}

/// Cuts a text to size and takes the control characters out, which could otherwise drive an operator's terminal.
fn clean(text: &str) -> String {
    let (kept, cut) = match text
        .char_indices()
        .find(|(at, char)| at + char.len_utf8() > LINE_BYTES_MAX)
    {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    };
    let mut clean: String = kept
        .chars()
        .map(|char| {
            if char.is_control() && char != '\t' && char != '\n' {
                '\u{fffd}'
            } else {
                char
            }
        })
        .collect();
    if cut {
        clean.push_str("... (cut)");
    }
    clean
}

/// One output stream of one instance. Its handles share the line that is being written.
#[derive(Clone)]
pub(crate) struct LogStream(Arc<Mutex<LineBuffer>>);

struct LineBuffer {
    sink: Arc<LogSink>,
    level: LogLevel,
    source: LogSource,
    key: Option<ActorKey>,
    trace: Option<TraceId>,
    line: Vec<u8>,
}

impl LogStream {
    pub(crate) fn stdout(sink: &Arc<LogSink>, key: Option<&ActorKey>) -> Self {
        Self::new(sink, LogLevel::Info, LogSource::Stdout, key)
    }

    pub(crate) fn stderr(sink: &Arc<LogSink>, key: Option<&ActorKey>) -> Self {
        Self::new(sink, LogLevel::Warn, LogSource::Stderr, key)
    }

    fn new(sink: &Arc<LogSink>, level: LogLevel, source: LogSource, key: Option<&ActorKey>) -> Self {
        Self(Arc::new(Mutex::new(LineBuffer {
            sink: Arc::clone(sink),
            level,
            source,
            key: key.cloned(),
            trace: None,
            line: Vec::new(),
        })))
    }

    /// From now on a call of this trace is served.
    pub(crate) fn serve(&self, trace: Option<TraceId>) {
        self.0.lock().trace = trace;
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().push(bytes);
    }

    /// Emits what was written without a line end. Called when an invocation is over.
    pub(crate) fn finish(&self) {
        self.0.lock().emit();
    }
}

impl LineBuffer {
    fn push(&mut self, bytes: &[u8]) {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let last = lines.next_back().unwrap_or_default();
        for line in lines {
            self.extend(line);
            self.emit();
        }
        self.extend(last);
    }

    /// Keeps a little more than a line may have, so that the cut is seen and marked.
    fn extend(&mut self, bytes: &[u8]) {
        let room = (LINE_BYTES_MAX + 4).saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn emit(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.sink.line(LogLine {
                level: self.level,
                source: self.source,
                context: "",
                message: String::from_utf8_lossy(&line).trim_end_matches('\r'),
                within: Within {
                    key: self.key.as_ref(),
                    trace: self.trace,
                },
            });
        }
    }
}

impl Drop for LineBuffer {
    fn drop(&mut self) {
        self.emit();
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fast_logger_is_cut_off_and_told_so_later() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let allowed = (0..2000).filter(|_| budget.spend(start).is_some()).count();
        assert_eq!(allowed, 500);
        assert_eq!(budget.spend(start + Duration::from_secs(1)), Some(1500));
        assert_eq!(budget.spend(start + Duration::from_secs(1)), Some(0));
    }

    #[test]
    fn long_lines_and_escapes_are_cleaned() {
        assert_eq!(clean("\u{1b}[31mred\tfine"), "\u{fffd}[31mred\tfine");
        let long = clean(&"\u{e9}".repeat(LINE_BYTES_MAX));
        assert!(
            long.ends_with("... (cut)") && long.len() <= LINE_BYTES_MAX + 9,
            "{}",
            long.len()
        );
    }
}
