//! What was recorded, in order.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead, Write};

use crate::op::{Op, OpId, Operation, Outcome};

/// Operations in the order in which they began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<O: Operation> {
    ops: Vec<Op<O>>,
}

/// A kept history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadHistoryError {
    /// The bytes cannot be had.
    #[error("cannot read line {line} of a history")]
    Read {
        /// Counted from one.
        line: usize,
        /// Why.
        source: io::Error,
    },
    /// The line is no operation of this kind.
    #[error("line {line} is no operation of such a history")]
    Parse {
        /// Counted from one.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// The operation contradicts itself or another.
    #[error("operation {id} in line {line} of a history {reason}")]
    Contradiction {
        /// Counted from one.
        line: usize,
        /// Which.
        id: OpId,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl<O: Operation> History<O> {
    /// Sorts what was recorded.
    pub(crate) fn new(mut ops: Vec<Op<O>>) -> Self {
        ops.sort_by_key(|op| (op.begun_ns, op.id));
        Self { ops }
    }

    /// All operations, in the order in which they began.
    pub fn ops(&self) -> &[Op<O>] {
        &self.ops
    }

    /// One operation.
    pub fn get(&self, id: OpId) -> Option<&Op<O>> {
        self.ops.iter().find(|op| op.id == id)
    }

    /// The operations of each key.
    pub fn by_key(&self) -> BTreeMap<&str, Vec<&Op<O>>> {
        let mut keys = BTreeMap::<_, Vec<_>>::new();
        for op in &self.ops {
            keys.entry(op.key.as_str()).or_default().push(op);
        }
        keys
    }

    /// Writes one operation per line, so that a history that failed can be kept.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_json_lines(&self, mut to: impl Write) -> io::Result<()> {
        for op in &self.ops {
            serde_json::to_writer(&mut to, op)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    /// Reads what [`write_json_lines`](Self::write_json_lines) wrote. Empty lines are skipped.
    ///
    /// # Errors
    /// [`ReadHistoryError`] for anything else.
    pub fn read_json_lines(from: impl BufRead) -> Result<Self, ReadHistoryError> {
        let mut ops = Vec::<Op<O>>::new();
        let mut seen = HashSet::new();
        for (line, text) in (1..).zip(from.lines()) {
            let text = text.map_err(|source| ReadHistoryError::Read { line, source })?;
            if text.trim().is_empty() {
                continue;
            }
            let op: Op<O> = serde_json::from_str(&text).map_err(|source| ReadHistoryError::Parse { line, source })?;
            let id = op.id;
            if let Some(reason) = contradiction(&op) {
                return Err(ReadHistoryError::Contradiction { line, id, reason });
            }
            if !seen.insert(id) {
                let reason = "is there already: keep each history in a file of its own";
                return Err(ReadHistoryError::Contradiction { line, id, reason });
            }
            ops.push(op);
        }
        Ok(Self::new(ops))
    }
}

fn contradiction<O: Operation>(op: &Op<O>) -> Option<&'static str> {
    match op.ended_ns {
        Some(ended_ns) if ended_ns < op.begun_ns => Some("ends before it begins"),
        None if !matches!(op.outcome, Outcome::Unknown) => Some("has an outcome but no end"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::CounterOp;
    use crate::op::Outcome;
    use crate::verdict::script::Script;

    #[test]
    fn histories_survive_being_kept() {
        let mut script = Script::new();
        script.ok(0, 10, CounterOp::Add(2), 2);
        script.unknown(5, CounterOp::Add(1));
        script.failed(6, 7, CounterOp::Add(1));
        let history = script.history();
        let mut bytes = Vec::new();
        history.write_json_lines(&mut bytes).expect("memory takes all");
        let lines = String::from_utf8(bytes).expect("text");
        assert_eq!(
            lines.lines().next(),
            Some(r#"{"id":0,"client":0,"key":"k","what":{"add":2},"begun_ns":0,"ended_ns":10,"outcome":{"ok":2}}"#)
        );
        assert_eq!(History::read_json_lines(lines.as_bytes()).expect("own lines"), history);
    }

    #[test]
    fn what_no_recorder_wrote_is_refused() {
        let read = |text: &str| History::<CounterOp>::read_json_lines(text.as_bytes()).map(|_| ());
        let line = |id: u64, begun: u64, ended: &str, outcome: &str| {
            format!(
                r#"{{"id":{id},"client":0,"key":"k","what":"get","begun_ns":{begun},"ended_ns":{ended},"outcome":{outcome}}}"#
            )
        };
        let good = line(1, 1, "2", r#"{"ok":1}"#);
        assert!(read(&format!("{good}\n\n")).is_ok());
        assert!(matches!(read("{}"), Err(ReadHistoryError::Parse { line: 1, .. })));
        for bad in [
            line(2, 3, "2", r#""unknown""#),
            line(2, 3, "null", r#"{"ok":1}"#),
            good.clone(),
        ] {
            let both = format!("{good}\n{bad}");
            assert!(
                matches!(read(&both), Err(ReadHistoryError::Contradiction { line: 2, .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn operations_are_told_by_key_in_order() {
        let mut script = Script::new();
        script.unknown(7, CounterOp::Get);
        script.on("b").unknown(3, CounterOp::Get);
        script.on("k").unknown(5, CounterOp::Get);
        let history = script.history();
        let keys = history.by_key();
        assert_eq!(keys.keys().collect::<Vec<_>>(), [&"b", &"k"]);
        assert_eq!(keys["k"].iter().map(|op| op.begun_ns).collect::<Vec<_>>(), [5, 7]);
        assert!(history.ops().iter().all(|op| op.outcome == Outcome::Unknown));
    }
}
