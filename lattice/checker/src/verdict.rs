//! What a judge says.

use std::fmt;

use crate::op::{Op, OpId, Operation};

/// Findings told of one key. One defect often shows in thousands of operations; the first ones tell what it is.
pub(crate) const FINDINGS_MAX: usize = 16;

/// The promises a history shows to be broken: none, if it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict<F> {
    findings: Vec<Finding<F>>,
}

/// One promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<F> {
    /// Which kind of promise.
    pub fault: F,
    /// Of which key.
    pub key: String,
    /// The operations that show it.
    pub ops: Vec<OpId>,
    /// What happened, in words, with the operations as they were recorded.
    pub said: String,
}

impl<F> Verdict<F> {
    pub(crate) fn new(findings: Vec<Finding<F>>) -> Self {
        Self { findings }
    }

    /// Whether a system that keeps its promises could have answered like that.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// All that is wrong. At most sixteen findings for one key.
    pub fn findings(&self) -> &[Finding<F>] {
        &self.findings
    }

    /// The kinds of what is wrong, in the order of the findings.
    pub fn faults(&self) -> impl Iterator<Item = &F> {
        self.findings.iter().map(|finding| &finding.fault)
    }
}

impl<F> Finding<F> {
    /// Says what happened and lists the operations.
    pub(crate) fn new<O: Operation>(fault: F, key: &str, ops: &[&Op<O>], said: &str) -> Self {
        let mut text = said.to_owned();
        for op in ops {
            text.push_str(&format!("\n    {op}"));
        }
        Self {
            fault,
            key: key.to_owned(),
            ops: ops.iter().map(|op| op.id).collect(),
            said: text,
        }
    }
}

impl<F: fmt::Debug> fmt::Display for Verdict<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return f.write_str("good");
        }
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{:?} of {}: {}", finding.fault, finding.key, finding.said)?;
        }
        Ok(())
    }
}

/// Histories written by hand.
#[cfg(test)]
pub(crate) mod script {
    use crate::history::History;
    use crate::op::{Op, OpId, Operation, Outcome};

    /// Collects operations at times of one's own choosing.
    pub(crate) struct Script<O: Operation> {
        key: String,
        ops: Vec<Op<O>>,
    }

    impl<O: Operation> Script<O> {
        pub(crate) fn new() -> Self {
            Self {
                key: "k".to_owned(),
                ops: Vec::new(),
            }
        }

        /// What follows is done on this key.
        pub(crate) fn on(&mut self, key: &str) -> &mut Self {
            key.clone_into(&mut self.key);
            self
        }

        pub(crate) fn ok(&mut self, begun_ns: u64, ended_ns: u64, what: O, answer: O::Answer) -> OpId {
            self.push(begun_ns, Some(ended_ns), what, Outcome::Ok(answer))
        }

        pub(crate) fn failed(&mut self, begun_ns: u64, ended_ns: u64, what: O) -> OpId {
            self.push(begun_ns, Some(ended_ns), what, Outcome::Failed)
        }

        pub(crate) fn unknown(&mut self, begun_ns: u64, what: O) -> OpId {
            self.push(begun_ns, None, what, Outcome::Unknown)
        }

        pub(crate) fn history(&self) -> History<O> {
            History::new(self.ops.clone())
        }

        fn push(&mut self, begun_ns: u64, ended_ns: Option<u64>, what: O, outcome: Outcome<O::Answer>) -> OpId {
            let id = OpId(self.ops.len() as u64);
            let key = self.key.clone();
            self.ops.push(Op {
                id,
                client: 0,
                key,
                what,
                begun_ns,
                ended_ns,
                outcome,
            });
            id
        }
    }
}
