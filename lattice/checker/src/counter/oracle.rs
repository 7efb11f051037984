//! The slow obvious judge: every order that time allows is tried.

use proptest::prelude::*;

use super::{CounterOp, judge};
use crate::history::History;
use crate::op::{Op, Outcome};
use crate::verdict::script::Script;

/// Whether any order explains the answers, by trying them all.
fn is_linearizable(ops: &[Op<CounterOp>], done: &mut Vec<bool>, total: u64) -> bool {
    let left = || (0..ops.len()).filter(|index| !done[*index]);
    if left().all(|index| ops[index].answered().is_none()) {
        return true;
    }
    let limit_ns = left()
        .filter_map(|index| ops[index].answered())
        .map(|(_, ended_ns)| ended_ns)
        .min();
    let ready: Vec<_> = left()
        .filter(|index| limit_ns.is_none_or(|limit_ns| ops[*index].begun_ns <= limit_ns))
        .collect();
    ready.into_iter().any(|index| {
        let op = &ops[index];
        let after = match op.what {
            CounterOp::Add(amount) => total + amount,
            CounterOp::Get => total,
        };
        if op.outcome == Outcome::Failed || op.answered().is_some_and(|(answer, _)| *answer != after) {
            return false;
        }
        done[index] = true;
        let explained = is_linearizable(ops, done, after);
        done[index] = false;
        explained
    })
}

fn histories() -> impl Strategy<Value = History<CounterOp>> {
    let what = prop_oneof![(0..4u64).prop_map(CounterOp::Add), Just(CounterOp::Get)];
    let op = (0..12u64, 0..6u64, what, 0..8u64, 0..6u32);
    prop::collection::vec(op, 0..7).prop_map(|ops| {
        let mut script = Script::new();
        for (begun_ns, lasts_ns, what, answer, outcome) in ops {
            match outcome {
                0 => script.unknown(begun_ns, what),
                1 => script.failed(begun_ns, begun_ns + lasts_ns, what),
                _ => script.ok(begun_ns, begun_ns + lasts_ns, what, answer),
            };
        }
        script.history()
    })
}

/// Histories of which many are good: answers follow some order, and some of them are then changed.
fn nearly_good() -> impl Strategy<Value = History<CounterOp>> {
    let what = prop_oneof![(0..3u64).prop_map(CounterOp::Add), Just(CounterOp::Get)];
    let op = (0..4u64, 0..9u64, what, 0..8u32);
    (prop::collection::vec(op, 1..8), any::<bool>()).prop_map(|(ops, spoil)| {
        let mut script = Script::new();
        let (mut now_ns, mut total) = (10, 0);
        for (index, (passes_ns, lasts_ns, what, outcome)) in ops.into_iter().enumerate() {
            now_ns += passes_ns;
            let (begun_ns, ended_ns) = (now_ns - lasts_ns, now_ns + lasts_ns / 2);
            if let CounterOp::Add(amount) = what {
                total += amount;
            }
            match outcome {
                0 => drop(script.unknown(begun_ns, what)),
                _ if spoil && index == 3 => drop(script.ok(begun_ns, ended_ns, what, total.saturating_sub(1))),
                _ => drop(script.ok(begun_ns, ended_ns, what, total)),
            }
        }
        script.history()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_slow_judge(history in prop_oneof![histories(), nearly_good()]) {
        let verdict = judge(&history);
        let mut done = vec![false; history.ops().len()];
        prop_assert_eq!(verdict.is_good(), is_linearizable(history.ops(), &mut done, 0), "{}", verdict);
    }
}
