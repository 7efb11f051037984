//! A list per key to which clients append tokens.
//!
//! [`judge`] takes the last read of each key for the final list: it must begin after every acknowledged append ended, so let the clients finish
//! first. Each position of that list is then a moment, and every operation must lie at its moment: an append where its token is, a read
//! behind the last token it holds. The list is linearizable exactly if no two operations stand against the order of time.

mod order;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::op::{Op, Operation, Outcome};
use crate::verdict::{FINDINGS_MAX, Finding, Verdict};

/// What clients do to a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerOp {
    /// Appends a token that nobody else appends, and is answered with its index.
    Append(String),
    /// Is answered with the whole list.
    Read,
}

impl Operation for LedgerOp {
    type Answer = LedgerAnswer;
}

/// What a list answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerAnswer {
    /// To an append: where the token is, counted from zero.
    At(u64),
    /// To a read.
    List(Vec<String>),
}

/// What can be wrong with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// An acknowledged token is not in the final list.
    Lost,
    /// A token is in the final list more than once.
    Duplicate,
    /// A token is elsewhere than acknowledged: something is missing before it, or came between.
    WrongIndex,
    /// The list holds a token of which a client was told that it was not appended.
    FailedButThere,
    /// The list holds a token that nobody appended.
    NeverAppended,
    /// An append that began after another had ended stands before it.
    Reordered,
    /// A read is no beginning of the final list.
    NotAPrefix,
    /// A read does not hold what was acknowledged before it began.
    StaleRead,
    /// A read holds less than one that had ended before it began.
    WentBack,
    /// A read holds what was appended only after it ended.
    TooEarly,
    /// The history cannot be judged: no read began after the last acknowledged append, a token was appended twice, or an append was
    /// answered like a read.
    Unjudgeable,
}

/// Judges the lists of all keys.
pub fn judge(history: &History<LedgerOp>) -> Verdict<Fault> {
    Verdict::new(
        history
            .by_key()
            .into_iter()
            .flat_map(|(key, ops)| judge_key(key, &ops))
            .collect(),
    )
}

fn judge_key(key: &str, ops: &[&Op<LedgerOp>]) -> Vec<Finding<Fault>> {
    let mut findings = match Ledger::sort(key, ops) {
        Ok(ledger) => {
            let mut findings = ledger.contents();
            findings.extend(order::findings(&ledger));
            findings
        }
        Err(finding) => vec![finding],
    };
    findings.truncate(FINDINGS_MAX);
    findings
}

/// The operations of one key by what they are.
struct Ledger<'a> {
    key: &'a str,
    appends: HashMap<&'a str, Append<'a>>,
    /// In the order in which they began.
    reads: Vec<Read<'a>>,
    /// What the last read holds: the final list.
    last: &'a [String],
    /// The first place of each token in it.
    places: HashMap<&'a str, usize>,
}

struct Append<'a> {
    op: &'a Op<LedgerOp>,
    /// Where it was acknowledged to be, and when.
    acknowledged: Option<(u64, u64)>,
}

struct Read<'a> {
    op: &'a Op<LedgerOp>,
    list: &'a [String],
    ended_ns: u64,
}

impl<'a> Ledger<'a> {
    fn sort(key: &'a str, ops: &[&'a Op<LedgerOp>]) -> Result<Self, Finding<Fault>> {
        let unjudgeable = |ops: &[&Op<LedgerOp>], said: &str| Err(Finding::new(Fault::Unjudgeable, key, ops, said));
        let (mut appends, mut reads) = (HashMap::new(), Vec::new());
        for op in ops {
            match (&op.what, op.answered()) {
                (LedgerOp::Append(token), answer) => {
                    let acknowledged = match answer {
                        Some((LedgerAnswer::At(index), ended_ns)) => Some((*index, ended_ns)),
                        Some((LedgerAnswer::List(_), _)) => {
                            return unjudgeable(&[op], "an append was answered with a list");
                        }
                        None => None,
                    };
                    if let Some(other) = appends.insert(token.as_str(), Append { op, acknowledged }) {
                        return unjudgeable(&[other.op, op], "a token was appended twice: give each append its own");
                    }
                }
                (LedgerOp::Read, Some((LedgerAnswer::List(list), ended_ns))) => reads.push(Read { op, list, ended_ns }),
                (LedgerOp::Read, Some((LedgerAnswer::At(_), _))) => {
                    return unjudgeable(&[op], "a read was answered with an index");
                }
                (LedgerOp::Read, None) => {}
            }
        }
        let settled = |read: &&Read<'_>| {
            let mut ends = appends.values().filter_map(|append| append.acknowledged);
            ends.all(|(_, ended_ns)| ended_ns <= read.op.begun_ns)
        };
        let Some(last) = reads.last().filter(settled) else {
            if appends.values().all(|append| append.acknowledged.is_none()) && reads.is_empty() {
                return Ok(Self {
                    key,
                    appends,
                    reads,
                    last: &[],
                    places: HashMap::new(),
                });
            }
            return unjudgeable(
                &[],
                "no read began after the last acknowledged append: read each list at the end",
            );
        };
        // Of those at the same time as the last one, the longest: an unknown append may come even now.
        let at_once = reads.iter().filter(|read| read.ended_ns >= last.op.begun_ns);
        let last = at_once
            .map(|read| read.list)
            .max_by_key(|list| list.len())
            .unwrap_or(last.list);
        let places = last
            .iter()
            .enumerate()
            .rev()
            .map(|(place, token)| (token.as_str(), place))
            .collect();
        Ok(Self {
            key,
            appends,
            reads,
            last,
            places,
        })
    }

    /// Whether the final list holds what it must, where it must, and nothing else.
    fn contents(&self) -> Vec<Finding<Fault>> {
        let mut findings = Vec::new();
        let final_read = self.reads.last().map(|read| read.op);
        let mut find = |fault, op: Option<&Op<LedgerOp>>, said: &str| {
            let ops: Vec<_> = op.into_iter().collect();
            findings.push(Finding::new(fault, self.key, &ops, said));
        };
        for (place, token) in self.last.iter().enumerate() {
            let Some(append) = self.appends.get(token.as_str()) else {
                find(
                    Fault::NeverAppended,
                    final_read,
                    &format!("`{token}` at {place} was appended by nobody"),
                );
                continue;
            };
            let first = self.places[token.as_str()];
            if first != place {
                find(
                    Fault::Duplicate,
                    Some(append.op),
                    &format!("`{token}` is at {first} and again at {place}"),
                );
            }
            if append.op.outcome == Outcome::Failed {
                find(
                    Fault::FailedButThere,
                    Some(append.op),
                    &format!("`{token}` is at {place}, though its append failed"),
                );
            }
        }
        let mut acknowledged: Vec<_> = self.appends.iter().collect();
        acknowledged.sort_by_key(|(_, append)| append.op.id);
        for (token, append) in acknowledged {
            let Some((index, _)) = append.acknowledged else {
                continue;
            };
            match self.places.get(token) {
                None => find(
                    Fault::Lost,
                    Some(append.op),
                    &format!("`{token}` was acknowledged and is not in the final list"),
                ),
                Some(place) if *place as u64 != index => {
                    find(
                        Fault::WrongIndex,
                        Some(append.op),
                        &format!("`{token}` was acknowledged at {index} and is at {place}"),
                    );
                }
                Some(_) => {}
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::script::Script;

    fn append(token: &str) -> LedgerOp {
        LedgerOp::Append(token.to_owned())
    }

    fn list(tokens: &str) -> LedgerAnswer {
        LedgerAnswer::List(tokens.chars().map(String::from).collect())
    }

    fn check(write: impl FnOnce(&mut Script<LedgerOp>), last: &str, expected: &[Fault]) {
        let mut script = Script::new();
        write(&mut script);
        script.ok(1000, 1001, LedgerOp::Read, list(last));
        let verdict = judge(&script.history());
        assert_eq!(verdict.faults().copied().collect::<Vec<_>>(), expected, "{verdict}");
    }

    use LedgerAnswer::At;
    use LedgerOp::Read;

    #[test]
    fn good_histories_pass() {
        check(|_| {}, "", &[]);
        check(
            |s| {
                s.ok(0, 9, append("b"), At(1));
                s.ok(0, 9, append("a"), At(0));
                s.ok(5, 9, Read, list("a"));
                s.unknown(0, append("x"));
                s.unknown(0, append("y"));
                s.failed(0, 1, append("z"));
                s.ok(20, 21, Read, list("ab"));
                s.ok(30, 31, append("c"), At(3));
            },
            "abyc",
            &[],
        );
    }

    #[test]
    fn a_lost_acknowledgement_is_caught() {
        check(|s| _ = s.ok(0, 1, append("a"), At(0)), "", &[Fault::Lost]);
        let lost_and_gap = |s: &mut Script<LedgerOp>| {
            s.ok(0, 1, append("a"), At(0));
            s.ok(2, 3, append("b"), At(1));
        };
        check(lost_and_gap, "b", &[Fault::Lost, Fault::WrongIndex]);
    }

    #[test]
    fn a_duplicate_is_caught() {
        check(|s| _ = s.ok(0, 1, append("a"), At(0)), "aa", &[Fault::Duplicate]);
        check(|s| _ = s.unknown(0, append("a")), "aa", &[Fault::Duplicate]);
    }

    #[test]
    fn tokens_from_nowhere_are_caught() {
        check(|_| {}, "a", &[Fault::NeverAppended]);
        check(|s| _ = s.failed(0, 1, append("a")), "a", &[Fault::FailedButThere]);
    }

    #[test]
    fn a_reordered_append_is_caught() {
        let one_after_the_other = |s: &mut Script<LedgerOp>| {
            s.ok(0, 1, append("a"), At(1));
            s.ok(2, 3, append("b"), At(0));
        };
        check(one_after_the_other, "ba", &[Fault::Reordered]);
        // An unknown one is in order as well: it cannot have happened before it began.
        let unknown_later = |s: &mut Script<LedgerOp>| {
            s.ok(0, 1, append("a"), At(1));
            s.unknown(2, append("b"));
        };
        check(unknown_later, "ba", &[Fault::Reordered]);
    }

    #[test]
    fn bad_reads_are_caught() {
        let with = |read: &'static str| {
            move |s: &mut Script<LedgerOp>| {
                s.ok(0, 1, append("a"), At(0));
                s.ok(10, 30, append("b"), At(1));
                s.ok(15, 16, Read, list(read));
            }
        };
        check(with("a"), "ab", &[]);
        check(with("ab"), "ab", &[]);
        check(with(""), "ab", &[Fault::StaleRead]);
        check(with("b"), "ab", &[Fault::NotAPrefix]);
        let back = |s: &mut Script<LedgerOp>| {
            s.ok(0, 100, append("a"), At(0));
            s.ok(10, 11, Read, list("a"));
            s.ok(12, 13, Read, list(""));
        };
        check(back, "a", &[Fault::WentBack]);
        let early = |s: &mut Script<LedgerOp>| {
            s.ok(10, 11, Read, list("a"));
            s.unknown(12, append("a"));
        };
        check(early, "a", &[Fault::TooEarly]);
        // At the same time as the last read, another may see more.
        let at_once = |s: &mut Script<LedgerOp>| {
            s.unknown(0, append("a"));
            s.ok(999, 1003, Read, list("a"));
        };
        check(at_once, "", &[]);
    }

    #[test]
    fn what_cannot_be_judged_is_not_good() {
        check(|s| _ = s.ok(0, 2000, append("a"), At(0)), "a", &[Fault::Unjudgeable]);
        let twice = |s: &mut Script<LedgerOp>| {
            s.unknown(0, append("a"));
            s.unknown(0, append("a"));
        };
        check(twice, "a", &[Fault::Unjudgeable]);
        check(|s| _ = s.ok(0, 1, append("a"), list("a")), "a", &[Fault::Unjudgeable]);
        let mut script = Script::new();
        script.ok(0, 1, append("a"), At(0));
        assert!(!judge(&script.history()).is_good());
        let mut script = Script::new();
        script.unknown(0, append("a"));
        assert!(judge(&script.history()).is_good());
    }
}
