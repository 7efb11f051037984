//! A counter, and what can be wrong with it.

use lattice_checker::History;
use lattice_checker::counter::{CounterOp, judge};
use proptest::prelude::*;

use crate::{Course, Notes, amidst, at_rest, config, courses};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// An addition is acknowledged and gone.
    Loses,
    /// Its retry is applied once more.
    Repeats,
    /// A read is answered by one who has not heard of it.
    ReadsStale,
}

const DEFECTS: &[Defect] = &[Defect::Loses, Defect::Repeats, Defect::ReadsStale];

/// More than all other additions together, so that no unknown one makes up for it.
const MUCH: u64 = 100_000;

fn run(mut ops: Vec<(CounterOp, Course)>, defect: Option<Defect>) -> History<CounterOp> {
    // The one that a defect meets, and a read some time after its end.
    let much = amidst(1000);
    let stale = amidst(1500);
    ops.extend([
        (CounterOp::Add(MUCH), much),
        (CounterOp::Get, stale),
        (CounterOp::Get, at_rest()),
    ]);
    ops.sort_by_key(|(_, course)| course.effect_ns);
    let (mut notes, mut total) = (Notes::default(), 0);
    for (what, course) in ops {
        let mut answer = total;
        if let (CounterOp::Add(amount), true) = (what, course.has_effect()) {
            let hit = (amount == MUCH).then_some(defect).flatten();
            let times = if hit == Some(Defect::Repeats) { 2 } else { 1 };
            answer = total + amount * times;
            total = if hit == Some(Defect::Loses) { total } else { answer };
        }
        if defect == Some(Defect::ReadsStale) && course.begun_ns == stale.begun_ns && what == CounterOp::Get {
            answer = answer.saturating_sub(MUCH);
        }
        notes.take("counter/a", what, &course, answer);
    }
    notes.history()
}

fn ops() -> impl Strategy<Value = Vec<(CounterOp, Course)>> {
    courses(prop_oneof![3 => (0..6_u64).prop_map(CounterOp::Add), 1 => Just(CounterOp::Get)])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn correct_counters_pass(ops in ops()) {
        let verdict = judge(&run(ops, None));
        prop_assert!(verdict.is_good(), "{}", verdict);
    }

    #[test]
    fn defects_are_caught(ops in ops(), defect in prop::sample::select(DEFECTS)) {
        prop_assert!(!judge(&run(ops, Some(defect))).is_good());
    }
}
