//! Which unknown additions happened between the totals that clients saw.
//!
//! A gap must be filled exactly by unknown additions that began before anything above it had ended. Additions of the same amount are
//! interchangeable but for their beginning, and limits grow from gap to gap, so of each amount those that began first are spent first. A
//! configuration is then how many of each amount are spent at which gap; one that was a dead end is not tried again.

use std::collections::{BTreeMap, HashSet};

use super::{CounterOp, Fault, Step};
use crate::op::{Op, Outcome};
use crate::verdict::Finding;

/// Combinations tried before giving up: some seconds.
const TRIES_MAX: usize = 4_000_000;

/// A stretch of the total that no answered addition went through.
struct Gap<'a> {
    from: u64,
    to: u64,
    /// All above it ended at this time or later.
    limit_ns: u64,
    below: Option<Step<'a>>,
    above: Step<'a>,
}

/// The unknown additions of one amount: when each began, in order.
struct Alike {
    amount: u64,
    begun_ns: Vec<u64>,
}

struct Search<'a> {
    gaps: &'a [Gap<'a>],
    alike: Vec<Alike>,
    /// How many of each amount are spent.
    spent: Vec<usize>,
    dead_ends: HashSet<(usize, Vec<usize>)>,
    /// The highest gap that was reached: the first that cannot be filled.
    reached: usize,
    tries: usize,
}

/// Why the gaps cannot be filled, if they cannot.
pub(super) fn finding(key: &str, steps: &[Step<'_>], ops: &[&Op<CounterOp>]) -> Option<Finding<Fault>> {
    let gaps = gaps(steps);
    let alike = unknown(ops);
    let mut search = Search {
        spent: vec![0; alike.len()],
        gaps: &gaps,
        alike,
        dead_ends: HashSet::new(),
        reached: 0,
        tries: 0,
    };
    if search.fills_from(0) {
        return None;
    }
    if search.tries >= TRIES_MAX {
        let said = "too many combinations of unknown additions to try them all";
        return Some(Finding::new::<CounterOp>(Fault::Undecided, key, &[], said));
    }
    Some(unfilled(key, &gaps[search.reached], ops))
}

fn gaps<'a>(steps: &[Step<'a>]) -> Vec<Gap<'a>> {
    let mut gaps = Vec::new();
    let mut limit_ns = u64::MAX;
    for (index, step) in steps.iter().enumerate().rev() {
        limit_ns = limit_ns.min(step.ended_ns);
        let below = index.checked_sub(1).map(|below| steps[below]);
        let from = below.map_or(0, |below| below.to);
        if from < step.from {
            gaps.push(Gap {
                from,
                to: step.from,
                limit_ns,
                below,
                above: *step,
            });
        }
    }
    gaps.reverse();
    gaps
}

fn unknown(ops: &[&Op<CounterOp>]) -> Vec<Alike> {
    let mut amounts = BTreeMap::<u64, Vec<u64>>::new();
    for op in ops.iter().filter(|op| op.is_unknown()) {
        if let CounterOp::Add(amount @ 1..) = op.what {
            amounts.entry(amount).or_default().push(op.begun_ns);
        }
    }
    // The big ones first: they leave the fewest ways to fill the rest. Each list is in order, since histories are.
    amounts
        .into_iter()
        .rev()
        .map(|(amount, begun_ns)| Alike { amount, begun_ns })
        .collect()
}

impl Search<'_> {
    /// Whether this gap and all above it can be filled with what is not spent.
    fn fills_from(&mut self, gap: usize) -> bool {
        let Some(Gap { from, to, .. }) = self.gaps.get(gap) else {
            return true;
        };
        self.reached = self.reached.max(gap);
        if self.dead_ends.contains(&(gap, self.spent.clone())) {
            return false;
        }
        if self.fills(gap, to - from, 0) {
            return true;
        }
        self.dead_ends.insert((gap, self.spent.clone()));
        false
    }

    /// Whether `rest` of this gap can be filled with amounts from the `index`th on, and then all gaps above it.
    fn fills(&mut self, gap: usize, rest: u64, index: usize) -> bool {
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            return false;
        }
        if rest == 0 {
            return self.fills_from(gap + 1);
        }
        let Some(alike) = self.alike.get(index) else {
            return false;
        };
        let begun = alike
            .begun_ns
            .partition_point(|begun_ns| *begun_ns <= self.gaps[gap].limit_ns);
        let amount = alike.amount;
        let before = self.spent[index];
        let there = (begun.saturating_sub(before) as u64).min(rest / amount);
        for take in (0..=there).rev() {
            self.spent[index] = before + usize::try_from(take).expect("no more than there are");
            if self.fills(gap, rest - take * amount, index + 1) {
                return true;
            }
        }
        self.spent[index] = before;
        false
    }
}

/// Says what probably filled a gap that nothing should have.
fn unfilled(key: &str, gap: &Gap<'_>, ops: &[&Op<CounterOp>]) -> Finding<Fault> {
    let Gap {
        from,
        to,
        limit_ns,
        below,
        above,
    } = gap;
    let missing = to - from;
    let adds = |op: &&&Op<CounterOp>| op.what == CounterOp::Add(missing) && op.begun_ns <= *limit_ns;
    let mut named: Vec<_> = below.iter().map(|below| below.op).chain([above.op]).collect();
    if let Some(failed) = ops.iter().filter(adds).find(|op| op.outcome == Outcome::Failed) {
        named.push(failed);
        let said = format!("the total went from {from} to {to} as if an addition that failed had been applied");
        return Finding::new(Fault::FailedButApplied, key, &named, &said);
    }
    let said = format!("the total went from {from} to {to}, which nothing accounts for: something was added twice");
    Finding::new(Fault::AppliedTwice, key, &named, &said)
}
