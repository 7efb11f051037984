//! Passing lines on to whoever follows.

use std::sync::Arc;

use bytes::Bytes;
use lattice_bus::{Bus, Headers};
use lattice_control::{LogBatch, LogLine};
use lattice_core::{LatticeId, MemberId, subject};
use tokio::sync::mpsc;
use tracing::debug;

use super::Followed;
use super::ring::weight;

/// Lines that are looked at together.
const TOGETHER: usize = 64;

/// The most bytes of lines in one message. Escaped they may be several times as many, and have to fit the server's default of 1 MiB.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Publishes lines, those of one actor that come together in one message.
pub(super) struct Relay {
    pub(super) bus: Bus,
    pub(super) lattice: LatticeId,
    pub(super) member: MemberId,
    pub(super) lines: mpsc::Receiver<Arc<LogLine>>,
    pub(super) followed: Arc<Followed>,
}

impl Relay {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut lines = Vec::with_capacity(TOGETHER);
        while self.lines.recv_many(&mut lines, TOGETHER).await > 0 {
            for batch in batches(&lines) {
                self.publish(batch).await;
            }
            lines.clear();
        }
    }

    async fn publish(&self, lines: &[Arc<LogLine>]) {
        // Whoever followed is gone with the connection; the lines are kept here all the same.
        let Some(first) = lines.first().filter(|_| self.bus.is_connected()) else {
            return;
        };
        let batch = LogBatch {
            lines: lines.iter().map(|line| LogLine::clone(line)).collect(),
            dropped: self.followed.take_dropped(&first.actor),
        };
        let bytes = serde_json::to_vec(&batch).expect("texts and numbers can be written as JSON");
        let subject = subject::log(&self.lattice, &self.member, &first.actor);
        if let Err(error) = self.bus.publish(subject, Headers::new(), Bytes::from(bytes)).await {
            debug!(%error, actor = %first.actor, "lines were not passed on");
        }
    }
}

/// Cuts lines into runs of one actor that fit a message.
fn batches(lines: &[Arc<LogLine>]) -> Vec<&[Arc<LogLine>]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, line) in lines.iter().enumerate() {
        let more = weight(line);
        if at > start && (line.actor != lines[start].actor || bytes + more > MESSAGE_BYTES_MAX) {
            batches.push(&lines[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    if start < lines.len() {
        batches.push(&lines[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use lattice_control::{LogLevel, LogStream};

    use super::*;

    #[test]
    fn lines_travel_together_with_those_of_their_actor() {
        let line = |actor: &str, bytes: usize| {
            Arc::new(LogLine {
                number: 1,
                at_ms: 1,
                level: LogLevel::Info,
                actor: actor.parse().expect("a name"),
                key: None,
                stream: LogStream::Stdout,
                context: String::new(),
                message: "x".repeat(bytes),
                trace: None,
            })
        };
        let lengths = |lines: &[Arc<LogLine>]| batches(lines).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [] as [usize; 0]);
        assert_eq!(
            lengths(&[line("a", 1), line("a", 1), line("b", 1), line("a", 1)]),
            [2, 1, 1]
        );
        let large = vec![line("a", 60_000); 5];
        assert_eq!(lengths(&large), [2, 2, 1]);
    }
}
