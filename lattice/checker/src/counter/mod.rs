//! A number per key, which begins at zero and to which clients add.
//!
//! [`judge`] decides whether the operations of each key are linearizable: whether there is one order of them, true to what ended before what
//! began, in which each answer is right. The search is the one of Wing and Gong with Lowe's memory of configurations, made cheap by
//! what a sum tells of itself. An addition is answered with the new total, and totals only grow. So the total alone says which answered
//! additions have been and which reads must have been; an answered addition can happen at one total only; and a read that can happen may as
//! well happen at once. What is left to search is which unknown additions fill the gaps between the totals that clients saw.

mod gaps;
#[cfg(test)]
mod oracle;
mod order;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::op::{Op, Operation};
use crate::verdict::{FINDINGS_MAX, Finding, Verdict};

/// What clients do to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CounterOp {
    /// Adds, and is answered with the new total.
    Add(u64),
    /// Is answered with the total.
    Get,
}

impl Operation for CounterOp {
    type Answer = u64;
}

/// What can be wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// An acknowledged addition is not in the total any more.
    LostUpdate,
    /// The total holds more than was added: something was added twice.
    AppliedTwice,
    /// The total holds an addition of which a client was told that it did not happen.
    FailedButApplied,
    /// A read does not hold what was acknowledged before it began, while later ones do.
    StaleRead,
    /// A client was told less than another had been told before.
    WentBack,
    /// A total was told that no order of the additions goes through.
    NeverSo,
    /// Too many different unknown additions to try all their combinations. Make the additions alike, or the history shorter.
    Undecided,
}

/// Judges the numbers of all keys.
pub fn judge(history: &History<CounterOp>) -> Verdict<Fault> {
    Verdict::new(
        history
            .by_key()
            .into_iter()
            .flat_map(|(key, ops)| judge_key(key, &ops))
            .collect(),
    )
}

fn judge_key(key: &str, ops: &[&Op<CounterOp>]) -> Vec<Finding<Fault>> {
    let steps = match steps(key, ops) {
        Ok(steps) => steps,
        Err(findings) => return findings,
    };
    let mut findings = order::findings(key, &steps);
    // Where the order is broken the gaps say nothing.
    if findings.is_empty() {
        findings.extend(gaps::finding(key, &steps, ops));
    }
    findings.truncate(FINDINGS_MAX);
    findings
}

/// An operation that was answered: it took the total from one value to another, or stood still at one.
#[derive(Clone, Copy, Debug)]
struct Step<'a> {
    op: &'a Op<CounterOp>,
    from: u64,
    to: u64,
    ended_ns: u64,
}

impl Step<'_> {
    fn is_addition(&self) -> bool {
        self.from < self.to
    }
}

/// The answered operations in the only order they can have had: by total, at each the addition that reached it before those that read it.
fn steps<'a>(key: &str, ops: &[&'a Op<CounterOp>]) -> Result<Vec<Step<'a>>, Vec<Finding<Fault>>> {
    let mut steps = Vec::with_capacity(ops.len());
    let mut findings = Vec::new();
    for op in ops {
        let Some((&to, ended_ns)) = op.answered() else {
            continue;
        };
        let amount = match op.what {
            CounterOp::Add(amount) => amount,
            CounterOp::Get => 0,
        };
        match to.checked_sub(amount) {
            Some(from) => steps.push(Step { op, from, to, ended_ns }),
            None => findings.push(Finding::new(
                Fault::NeverSo,
                key,
                &[op],
                "the total is less than what was added",
            )),
        }
    }
    if !findings.is_empty() {
        findings.truncate(FINDINGS_MAX);
        return Err(findings);
    }
    steps.sort_by_key(|step| (step.to, !step.is_addition(), step.op.begun_ns));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::verdict::script::Script;

    fn check(write: impl FnOnce(&mut Script<CounterOp>), expected: &[Fault]) {
        let mut script = Script::new();
        write(&mut script);
        let verdict = judge(&script.history());
        assert_eq!(verdict.faults().copied().collect::<Vec<_>>(), expected, "{verdict}");
    }

    use CounterOp::{Add, Get};

    #[test]
    fn good_histories_pass() {
        check(|_| {}, &[]);
        check(
            |s| {
                s.ok(0, 1, Get, 0);
                s.ok(2, 9, Add(2), 5);
                s.ok(3, 8, Add(3), 3);
                // Both orders of a read and an addition at the same time.
                s.ok(4, 9, Get, 0);
                s.ok(4, 9, Get, 5);
                s.ok(10, 11, Get, 5);
                s.ok(10, 11, Add(0), 5);
                s.failed(10, 11, Add(7));
            },
            &[],
        );
    }

    #[test]
    fn keys_do_not_meet() {
        check(
            |s| {
                s.on("a").ok(0, 1, Add(1), 1);
                s.on("b").ok(2, 3, Add(1), 1);
            },
            &[],
        );
    }

    #[test]
    fn an_unknown_addition_may_be_missing_or_come_at_any_later_time() {
        check(
            |s| {
                s.unknown(0, Add(1));
                s.unknown(0, Add(1));
                s.ok(5, 6, Get, 0);
                s.ok(50, 51, Add(4), 5);
                s.ok(60, 61, Get, 5);
            },
            &[],
        );
    }

    #[test]
    fn an_unknown_addition_does_not_come_before_it_began() {
        check(
            |s| {
                s.ok(5, 6, Get, 1);
                s.unknown(10, Add(1));
            },
            &[Fault::AppliedTwice],
        );
    }

    #[test]
    fn a_lost_update_is_caught() {
        // Built upon a total without the acknowledged addition.
        check(
            |s| {
                s.ok(0, 1, Add(1), 1);
                s.ok(2, 3, Add(1), 2);
                s.ok(4, 5, Add(1), 2);
            },
            &[Fault::LostUpdate],
        );
        // Gone for good, and nothing added since.
        check(
            |s| {
                s.ok(0, 1, Add(1), 1);
                s.ok(4, 5, Get, 0);
            },
            &[Fault::LostUpdate],
        );
        // Of different sizes.
        check(
            |s| {
                s.ok(0, 9, Add(5), 5);
                s.ok(0, 9, Add(3), 3);
            },
            &[Fault::LostUpdate],
        );
    }

    #[test]
    fn an_addition_applied_twice_is_caught() {
        check(
            |s| {
                s.ok(0, 1, Add(2), 2);
                s.ok(4, 5, Add(2), 6);
            },
            &[Fault::AppliedTwice],
        );
        // By a retry whose answer was lost: once it may have been, not twice.
        check(
            |s| {
                s.unknown(0, Add(2));
                s.ok(4, 5, Get, 4);
            },
            &[Fault::AppliedTwice],
        );
    }

    #[test]
    fn a_failed_addition_that_was_applied_is_caught() {
        check(
            |s| {
                s.failed(0, 1, Add(3));
                s.ok(4, 5, Add(2), 5);
            },
            &[Fault::FailedButApplied],
        );
    }

    #[test]
    fn a_stale_read_after_failover_is_caught() {
        check(
            |s| {
                s.ok(0, 1, Add(1), 1);
                s.ok(2, 3, Get, 0);
                s.ok(4, 5, Add(1), 2);
            },
            &[Fault::StaleRead],
        );
    }

    #[test]
    fn a_total_that_goes_back_is_caught() {
        check(
            |s| {
                s.ok(0, 20, Add(1), 1);
                s.ok(2, 3, Get, 1);
                s.ok(4, 5, Get, 0);
            },
            &[Fault::WentBack],
        );
        // Through an unknown addition too: once seen, it has happened.
        check(
            |s| {
                s.unknown(0, Add(1));
                s.ok(2, 3, Get, 1);
                s.ok(4, 5, Get, 0);
            },
            &[Fault::WentBack],
        );
    }

    #[test]
    fn a_total_that_never_was_is_caught() {
        check(
            |s| {
                s.ok(0, 9, Add(5), 5);
                s.ok(1, 9, Get, 3);
            },
            &[Fault::NeverSo],
        );
        check(|s| _ = s.ok(0, 9, Add(5), 3), &[Fault::NeverSo]);
    }

    #[test]
    fn a_verdict_names_the_operations() {
        let mut script = Script::new();
        let first = script.ok(0, 1000, Add(1), 1);
        let second = script.ok(2000, 3000, Get, 0);
        let verdict = judge(&script.history());
        assert_eq!(verdict.findings()[0].ops, [first, second]);
        let told = verdict.to_string();
        assert!(told.contains("#0 client 0 k Add(1) at 0.000us..1.000us: 1"), "{told}");
    }

    #[test]
    fn long_broken_histories_are_judged_at_once() {
        let mut script = Script::new();
        for round in 0..20_000 {
            script.ok(round * 10, round * 10 + 640, Add(1), 20_000 - round);
        }
        let started = Instant::now();
        assert_eq!(judge(&script.history()).findings().len(), 16);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn long_histories_are_judged_at_once() {
        let mut script = Script::new();
        let mut total = 0;
        for round in 0..10_000 {
            let begun_ns = round * 10;
            if round % 200 == 7 {
                // Different sizes, half of them applied.
                let amount = 1 + round % 11;
                script.unknown(begun_ns, Add(amount));
                total += amount * (round % 2);
            }
            total += 1;
            script.ok(begun_ns, begun_ns + 640, Add(1), total);
        }
        let started = Instant::now();
        let verdict = judge(&script.history());
        assert!(verdict.is_good(), "{verdict}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
