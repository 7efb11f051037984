//! A ledger, and what can be wrong with it.

use lattice_checker::History;
use lattice_checker::ledger::{LedgerAnswer, LedgerOp, judge};
use proptest::prelude::*;

use crate::{Course, Notes, amidst, at_rest, config, courses};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    Loses,
    Repeats,
    /// An append is put before one that had ended.
    Reorders,
    ReadsStale,
}

const DEFECTS: &[Defect] = &[Defect::Loses, Defect::Repeats, Defect::Reorders, Defect::ReadsStale];

/// The append that a defect meets.
const MET: &str = "met";

fn run(ops: Vec<(bool, Course)>, defect: Option<Defect>) -> History<LedgerOp> {
    let number = |(number, (append, course))| {
        (
            if append {
                LedgerOp::Append(format!("t{number}"))
            } else {
                LedgerOp::Read
            },
            course,
        )
    };
    let mut ops: Vec<_> = ops.into_iter().enumerate().map(number).collect();
    let stale = amidst(1500);
    ops.push((LedgerOp::Append("early".to_owned()), amidst(500)));
    ops.push((LedgerOp::Append(MET.to_owned()), amidst(1000)));
    ops.extend([(LedgerOp::Read, stale), (LedgerOp::Read, at_rest())]);
    ops.sort_by_key(|(_, course)| course.effect_ns);
    let (mut notes, mut list) = (Notes::default(), Vec::new());
    for (what, course) in ops {
        let answer = match &what {
            LedgerOp::Append(token) => {
                let mut index = list.len();
                if course.has_effect() {
                    let hit = (token == MET).then_some(defect).flatten();
                    if hit == Some(Defect::Reorders) {
                        index = list.iter().position(|token| token == "early").expect("it was before");
                    }
                    let times = match hit {
                        Some(Defect::Loses) => 0,
                        Some(Defect::Repeats) => 2,
                        _ => 1,
                    };
                    (0..times).for_each(|_| list.insert(index, token.clone()));
                }
                LedgerAnswer::At(index as u64)
            }
            LedgerOp::Read if defect == Some(Defect::ReadsStale) && course.begun_ns == stale.begun_ns => {
                LedgerAnswer::List(list.iter().take_while(|token| *token != MET).cloned().collect())
            }
            LedgerOp::Read => LedgerAnswer::List(list.clone()),
        };
        notes.take("ledger/a", what, &course, answer);
    }
    notes.history()
}

fn ops() -> impl Strategy<Value = Vec<(bool, Course)>> {
    courses(prop::bool::weighted(0.8))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn correct_ledgers_pass(ops in ops()) {
        let verdict = judge(&run(ops, None));
        prop_assert!(verdict.is_good(), "{}", verdict);
    }

    #[test]
    fn defects_are_caught(ops in ops(), defect in prop::sample::select(DEFECTS)) {
        prop_assert!(!judge(&run(ops, Some(defect))).is_good());
    }
}
