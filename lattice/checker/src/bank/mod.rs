//! Accounts between which money travels. The key of an operation is the account.
//!
//! A transfer takes the money at once and credits it some time later, so a balance in between says little. [`judge`] looks at what is left
//! when all has come to rest: the last balance of each account, which must be read after the clients finished and every credit arrived.
//! It then asks whether some of the unknown operations, each wholly or not at all, explain all balances together.

mod explain;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::op::{Op, OpId, Operation, Outcome};
use crate::verdict::{FINDINGS_MAX, Finding, Verdict};

/// What clients do to an account, which begins empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BankOp {
    /// Brings money from outside.
    Deposit(u64),
    /// Takes money from this account and sends it to another.
    Transfer {
        /// The other account.
        to: String,
        /// How much.
        amount: u64,
    },
    /// Is answered with the balance.
    Balance,
}

impl Operation for BankOp {
    type Answer = BankAnswer;
}

/// What an account answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BankAnswer {
    /// To a deposit, and to a transfer once the money was taken and the credit is certain to come.
    Done,
    /// To a balance.
    Balance(i64),
}

/// What can be wrong with accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A balance was below zero.
    Negative,
    /// All accounts together hold less than was deposited.
    MoneyLost,
    /// All accounts together hold more than can have been deposited.
    MoneyMade,
    /// One account holds less than its deposits and transfers leave it, whatever became of the unknown ones.
    AccountShort,
    /// One account holds more than its deposits and transfers can leave it.
    AccountOver,
    /// Each balance could be, but not all of them together.
    Unexplained,
    /// Too many different unknown operations to try all their combinations.
    Undecided,
    /// The history cannot be judged: an account's balance was not read at the end, or an answer does not fit its operation.
    Unjudgeable,
}

/// Judges all accounts.
pub fn judge(history: &History<BankOp>) -> Verdict<Fault> {
    let mut findings = negatives(history);
    match Bank::sum(history) {
        Err(unjudgeable) => findings.extend(unjudgeable),
        Ok(bank) => {
            let off = bank.accounts_off();
            findings.extend(bank.total_off());
            if off.is_empty() {
                findings.extend(explain::finding(&bank));
            }
            findings.extend(off);
        }
    }
    findings.truncate(FINDINGS_MAX);
    Verdict::new(findings)
}

/// The name under which findings stand that are of no single account.
const ALL: &str = "all accounts";

fn negatives(history: &History<BankOp>) -> Vec<Finding<Fault>> {
    let negative = |op: &&Op<BankOp>| matches!(op.answered(), Some((BankAnswer::Balance(..0), _)));
    let found = history.ops().iter().filter(negative);
    found
        .map(|op| Finding::new(Fault::Negative, &op.key, &[op], "a balance is below zero"))
        .collect()
}

/// What is known of one account in the end.
struct Account<'a> {
    read: &'a Op<BankOp>,
    balance: i128,
    /// What the acknowledged operations leave it.
    sure: i128,
    /// What the unknown ones may bring and take at most.
    maybe_in: i128,
    maybe_out: i128,
}

struct Bank<'a> {
    history: &'a History<BankOp>,
    accounts: BTreeMap<&'a str, Account<'a>>,
    unknown: Vec<Flow<'a>>,
}

/// Money that comes from outside, or from one account, to another.
#[derive(Clone, Copy)]
struct Flow<'a> {
    id: OpId,
    from: Option<&'a str>,
    to: &'a str,
    amount: u64,
}

fn flow(op: &Op<BankOp>) -> Option<Flow<'_>> {
    match &op.what {
        BankOp::Deposit(amount) => Some(Flow {
            id: op.id,
            from: None,
            to: &op.key,
            amount: *amount,
        }),
        BankOp::Transfer { to, amount } => Some(Flow {
            id: op.id,
            from: Some(&op.key),
            to,
            amount: *amount,
        }),
        BankOp::Balance => None,
    }
}

impl<'a> Bank<'a> {
    fn sum(history: &'a History<BankOp>) -> Result<Self, Vec<Finding<Fault>>> {
        let mut accounts = BTreeMap::new();
        let mut settled_ns = 0;
        let mut unjudgeable = Vec::new();
        let mut cannot = |key: &str, ops: &[&Op<BankOp>], said| {
            unjudgeable.push(Finding::new(Fault::Unjudgeable, key, ops, said));
        };
        for op in history.ops() {
            match (&op.what, op.answered()) {
                (BankOp::Balance, Some((BankAnswer::Balance(balance), _))) => {
                    let balance = i128::from(*balance);
                    let account = Account {
                        read: op,
                        balance,
                        sure: 0,
                        maybe_in: 0,
                        maybe_out: 0,
                    };
                    accounts.insert(op.key.as_str(), account);
                }
                (BankOp::Deposit(_) | BankOp::Transfer { .. }, Some((BankAnswer::Done, ended_ns))) => {
                    settled_ns = settled_ns.max(ended_ns);
                }
                (_, Some(_)) => cannot(&op.key, &[op], "the answer does not fit the operation"),
                (_, None) => {}
            }
        }
        let mut unknown = Vec::new();
        for op in history.ops().iter().filter(|op| op.outcome != Outcome::Failed) {
            let Some(flow) = flow(op) else {
                continue;
            };
            let amount = i128::from(flow.amount);
            for (key, amount) in [(Some(flow.to), amount), (flow.from, -amount)] {
                let Some(key) = key else {
                    continue;
                };
                let Some(account) = accounts
                    .get_mut(key)
                    .filter(|account| account.read.begun_ns >= settled_ns)
                else {
                    // An account that only an unknown operation names may never have come to be.
                    if !op.is_unknown() || accounts.contains_key(key) {
                        cannot(
                            key,
                            &[op],
                            "no balance was read after the last acknowledged operation: read each at the end",
                        );
                        return Err(unjudgeable);
                    }
                    continue;
                };
                match (op.is_unknown(), amount >= 0) {
                    (false, _) => account.sure += amount,
                    (true, true) => account.maybe_in += amount,
                    (true, false) => account.maybe_out -= amount,
                }
            }
            if op.is_unknown() && flow.amount > 0 && flow.from != Some(flow.to) {
                unknown.push(flow);
            }
        }
        if unjudgeable.is_empty() {
            Ok(Self {
                history,
                accounts,
                unknown,
            })
        } else {
            Err(unjudgeable)
        }
    }

    /// Whether all money is there, and no more.
    fn total_off(&self) -> Option<Finding<Fault>> {
        let held: i128 = self.accounts.values().map(|account| account.balance).sum();
        let sure: i128 = self.accounts.values().map(|account| account.sure).sum();
        let unknown = self.unknown.iter().filter(|flow| flow.from.is_none());
        let maybe: i128 = unknown.map(|flow| i128::from(flow.amount)).sum();
        let find = |fault, said: &str| Some(Finding::new::<BankOp>(fault, ALL, &[], said));
        if held < sure && self.leaks_nowhere() {
            find(
                Fault::MoneyLost,
                &format!("they hold {held}, and {sure} was deposited for certain"),
            )
        } else if held > sure + maybe {
            find(
                Fault::MoneyMade,
                &format!("they hold {held}, and at most {} was deposited", sure + maybe),
            )
        } else {
            None
        }
    }

    /// Whether no unknown transfer can have gone to an account nobody looked at.
    fn leaks_nowhere(&self) -> bool {
        self.unknown.iter().all(|flow| self.accounts.contains_key(flow.to))
    }

    /// The accounts whose balance no choice of the unknown operations explains.
    fn accounts_off(&self) -> Vec<Finding<Fault>> {
        let mut findings = Vec::new();
        for (key, account) in &self.accounts {
            let Account {
                read,
                balance,
                sure,
                maybe_in,
                maybe_out,
            } = account;
            let (least, most) = (sure - maybe_out, sure + maybe_in);
            let (fault, off) = if *balance < least {
                (Fault::AccountShort, least - balance)
            } else if *balance > most {
                (Fault::AccountOver, balance - most)
            } else {
                continue;
            };
            let suspect = self.suspect(key, fault, off);
            let ops: Vec<_> = suspect.iter().copied().chain([*read]).collect();
            let hint = if suspect.is_some() {
                ": the amount of this operation"
            } else {
                ""
            };
            let said = format!("it holds {balance}, and {least} to {most} was to be expected; off by {off}{hint}");
            findings.push(Finding::new(fault, key, &ops, &said));
        }
        findings
    }

    /// An operation that is as large as the mistake: one that was lost, or that happened twice or against its outcome.
    fn suspect(&self, key: &str, fault: Fault, off: i128) -> Option<&'a Op<BankOp>> {
        self.history.ops().iter().find(|op| {
            flow(op).is_some_and(|flow| {
                let came = flow.to == key;
                let done = op.outcome != Outcome::Failed;
                let fits = match fault {
                    Fault::AccountShort => came && done || flow.from == Some(key),
                    _ => came || flow.from == Some(key) && done,
                };
                fits && i128::from(flow.amount) == off
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::script::Script;

    use BankAnswer::Done;
    use BankOp::{Balance, Deposit};

    fn transfer(to: &str, amount: u64) -> BankOp {
        BankOp::Transfer {
            to: to.to_owned(),
            amount,
        }
    }

    fn check(write: impl FnOnce(&mut Script<BankOp>), balances: &[(&str, i64)], expected: &[Fault]) {
        let mut script = Script::new();
        write(&mut script);
        for (key, balance) in balances {
            script.on(key).ok(1000, 1001, Balance, BankAnswer::Balance(*balance));
        }
        let verdict = judge(&script.history());
        assert_eq!(verdict.faults().copied().collect::<Vec<_>>(), expected, "{verdict}");
    }

    fn some_transfers(s: &mut Script<BankOp>) {
        s.on("a").ok(0, 1, Deposit(100), Done);
        s.on("a").ok(2, 3, transfer("b", 30), Done);
        s.on("a").failed(2, 3, transfer("b", 1));
        s.on("b").ok(4, 5, transfer("c", 10), Done);
        s.on("a").ok(6, 7, Balance, BankAnswer::Balance(70));
    }

    #[test]
    fn good_histories_pass() {
        check(|_| {}, &[], &[]);
        check(some_transfers, &[("a", 70), ("b", 20), ("c", 10)], &[]);
    }

    #[test]
    fn unknown_operations_happen_wholly_or_not_at_all() {
        let unknown = |s: &mut Script<BankOp>| {
            some_transfers(s);
            s.on("a").unknown(8, transfer("b", 7));
            s.on("b").unknown(8, transfer("c", 7));
            s.on("c").unknown(8, Deposit(2));
        };
        for balances in [
            [70, 20, 10],
            [63, 27, 10],
            [63, 20, 17],
            [70, 13, 17],
            [70, 20, 12],
            [63, 20, 19],
        ] {
            let [a, b, c] = balances;
            check(unknown, &[("a", a), ("b", b), ("c", c)], &[]);
        }
        // Each by itself could be.
        check(
            unknown,
            &[("a", 63), ("b", 13), ("c", 17)],
            &[Fault::MoneyLost, Fault::Unexplained],
        );
        check(
            unknown,
            &[("a", 70), ("b", 27), ("c", 10)],
            &[Fault::MoneyMade, Fault::Unexplained],
        );
        check(unknown, &[("a", 70), ("b", 20), ("c", 11)], &[Fault::Unexplained]);
    }

    #[test]
    fn a_credit_that_never_came_is_caught() {
        check(
            some_transfers,
            &[("a", 70), ("b", 20), ("c", 0)],
            &[Fault::MoneyLost, Fault::AccountShort],
        );
    }

    #[test]
    fn a_credit_that_came_twice_is_caught() {
        check(
            some_transfers,
            &[("a", 70), ("b", 50), ("c", 10)],
            &[Fault::MoneyMade, Fault::AccountOver],
        );
    }

    #[test]
    fn a_lost_debit_is_caught_and_named() {
        let mut script = Script::new();
        script.on("a").ok(0, 1, Deposit(50), Done);
        let moved = script.on("a").ok(2, 3, transfer("b", 30), Done);
        script.on("a").ok(9, 9, Balance, BankAnswer::Balance(50));
        script.on("b").ok(9, 9, Balance, BankAnswer::Balance(30));
        let verdict = judge(&script.history());
        assert_eq!(
            verdict.faults().collect::<Vec<_>>(),
            [&Fault::MoneyMade, &Fault::AccountOver],
            "{verdict}"
        );
        assert_eq!(verdict.findings()[1].ops[0], moved);
    }

    #[test]
    fn a_lost_deposit_is_caught() {
        check(
            |s| _ = s.on("a").ok(0, 1, Deposit(5), Done),
            &[("a", 0)],
            &[Fault::MoneyLost, Fault::AccountShort],
        );
    }

    #[test]
    fn a_negative_balance_is_caught() {
        let overdrawn = |s: &mut Script<BankOp>| _ = s.on("a").ok(0, 1, transfer("b", 5), Done);
        check(overdrawn, &[("a", -5), ("b", 5)], &[Fault::Negative]);
    }

    #[test]
    fn what_cannot_be_judged_is_not_good() {
        check(|s| _ = s.on("a").ok(0, 1, Deposit(5), Done), &[], &[Fault::Unjudgeable]);
        check(
            |s| _ = s.on("a").ok(0, 2000, Deposit(5), Done),
            &[("a", 5)],
            &[Fault::Unjudgeable],
        );
        check(
            |s| _ = s.on("a").ok(0, 1, Deposit(5), BankAnswer::Balance(5)),
            &[("a", 5)],
            &[Fault::Unjudgeable],
        );
        // But nobody need look at an account that may not exist.
        check(|s| _ = s.on("z").unknown(0, Deposit(5)), &[("a", 0)], &[]);
    }

    #[test]
    fn many_unknown_operations_are_judged_at_once() {
        let write = |s: &mut Script<BankOp>| {
            for number in 0..60_u64 {
                s.on(["a", "b", "c"][number as usize % 3]).ok(0, 1, Deposit(1000), Done);
                s.on(["a", "b", "c"][number as usize % 3])
                    .unknown(2, transfer(["b", "c", "a"][number as usize % 3], 1 + number % 5));
            }
        };
        check(write, &[("a", 20_000 - 7), ("b", 20_000 + 3), ("c", 20_000 + 4)], &[]);
        check(
            write,
            &[("a", 20_000 - 7), ("b", 20_000 + 3), ("c", 20_000 + 5)],
            &[Fault::MoneyMade, Fault::Unexplained],
        );
    }
}
