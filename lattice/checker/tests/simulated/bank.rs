//! A bank, and what can be wrong with it.

use std::collections::BTreeMap;

use lattice_checker::History;
use lattice_checker::bank::{BankAnswer, BankOp, judge};
use proptest::prelude::*;

use crate::{Course, Notes, amidst, at_rest, config, courses};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    LosesCredit,
    CreditsTwice,
    LosesDebit,
    LosesDeposit,
}

const DEFECTS: &[Defect] = &[
    Defect::LosesCredit,
    Defect::CreditsTwice,
    Defect::LosesDebit,
    Defect::LosesDeposit,
];

/// More than all other amounts together, so that no unknown operation makes up for it.
const MUCH: u64 = 100_000;
const ACCOUNTS: [&str; 3] = ["a", "b", "c"];

fn transfer(to: usize, amount: u64) -> BankOp {
    BankOp::Transfer {
        to: ACCOUNTS[to].to_owned(),
        amount,
    }
}

fn run(mut ops: Vec<((usize, BankOp), Course)>, defect: Option<Defect>) -> History<BankOp> {
    // Enough in every account for all that is sent, whenever its credit comes.
    ops.extend((0..3).map(|account| ((account, BankOp::Deposit(1_000)), amidst(0))));
    ops.push(((0, BankOp::Deposit(MUCH)), amidst(0)));
    ops.push(((0, transfer(1, MUCH)), amidst(1000)));
    let (mut notes, mut balances) = (Notes::default(), BTreeMap::from(ACCOUNTS.map(|account| (account, 0))));
    for ((account, what), course) in ops {
        let account = ACCOUNTS[account];
        let hit = |by: Defect, amount: u64| amount == MUCH && defect == Some(by);
        match &what {
            BankOp::Deposit(amount) if course.has_effect() && !hit(Defect::LosesDeposit, *amount) => {
                *balances.get_mut(account).expect("an account") += amount.cast_signed();
            }
            BankOp::Transfer { to, amount } if course.has_effect() => {
                let credits = if hit(Defect::LosesCredit, *amount) {
                    0
                } else {
                    1 + i64::from(hit(Defect::CreditsTwice, *amount))
                };
                let debits = i64::from(!hit(Defect::LosesDebit, *amount));
                *balances.get_mut(account).expect("an account") -= amount.cast_signed() * debits;
                *balances.get_mut(to.as_str()).expect("an account") += amount.cast_signed() * credits;
            }
            _ => {}
        }
        notes.take(account, what, &course, BankAnswer::Done);
    }
    for (account, balance) in balances {
        notes.take(account, BankOp::Balance, &at_rest(), BankAnswer::Balance(balance));
    }
    notes.history()
}

fn ops() -> impl Strategy<Value = Vec<((usize, BankOp), Course)>> {
    let deposit = (0..3_usize, 1..9_u64).prop_map(|(account, amount)| (account, BankOp::Deposit(amount)));
    let transfer = (0..3_usize, 0..3_usize, 1..9_u64).prop_map(|(from, to, amount)| (from, transfer(to, amount)));
    courses(prop_oneof![deposit, transfer])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn correct_banks_pass(ops in ops()) {
        let verdict = judge(&run(ops, None));
        prop_assert!(verdict.is_good(), "{}", verdict);
    }

    #[test]
    fn defects_are_caught(ops in ops(), defect in prop::sample::select(DEFECTS)) {
        prop_assert!(!judge(&run(ops, Some(defect))).is_good());
    }
}
