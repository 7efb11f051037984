//! Which unknown operations explain all balances together.
//!
//! Operations of the same kind are interchangeable, so what is chosen is how many of each happened. A configuration is what the accounts
//! still lack once the first kinds are chosen; one that was a dead end is not tried again.

use std::collections::{BTreeMap, HashSet};

use super::{ALL, Bank, BankOp, Fault, Flow};
use crate::verdict::Finding;

/// Combinations tried before giving up: some seconds.
const TRIES_MAX: usize = 2_000_000;

/// Unknown operations that differ in nothing but their beginning.
struct Kind {
    from: Option<usize>,
    to: Option<usize>,
    amount: i128,
    count: i128,
}

struct Search {
    kinds: Vec<Kind>,
    /// What each account holds beyond what is chosen.
    lacks: Vec<i128>,
    /// What the kinds from here on can bring each account, and take from it.
    reach: Vec<Vec<(i128, i128)>>,
    dead_ends: HashSet<(usize, Vec<i128>)>,
    tries: usize,
}

/// Why no choice of the unknown operations explains the balances, if none does.
pub(super) fn finding(bank: &Bank<'_>) -> Option<Finding<Fault>> {
    let mut search = Search::new(bank);
    if search.explains(0) {
        return None;
    }
    if search.tries >= TRIES_MAX {
        let said = "too many combinations of unknown operations to try them all";
        return Some(Finding::new::<BankOp>(Fault::Undecided, ALL, &[], said));
    }
    let ops: Vec<_> = bank
        .unknown
        .iter()
        .filter_map(|flow| bank.history.get(flow.id))
        .take(20)
        .collect();
    let said = "each balance could be, but no choice of these unknown operations explains all of them";
    Some(Finding::new(Fault::Unexplained, ALL, &ops, said))
}

impl Search {
    fn new(bank: &Bank<'_>) -> Self {
        let place: BTreeMap<&str, usize> = bank.accounts.keys().copied().zip(0..).collect();
        let mut kinds = BTreeMap::<_, i128>::new();
        for Flow { from, to, amount, .. } in &bank.unknown {
            // Ordered by account, so that accounts are complete as early as can be.
            let from = from.map(|from| place.get(from).copied());
            let kind = (from.flatten(), place.get(to).copied(), *amount, from.is_some());
            *kinds.entry(kind).or_default() += 1;
        }
        let kinds: Vec<_> = kinds
            .into_iter()
            .map(|((from, to, amount, _), count)| Kind {
                from,
                to,
                amount: i128::from(amount),
                count,
            })
            .collect();
        let mut reach = vec![vec![(0, 0); place.len()]; kinds.len() + 1];
        for (index, kind) in kinds.iter().enumerate().rev() {
            let mut here = reach[index + 1].clone();
            if let Some(to) = kind.to {
                here[to].0 += kind.amount * kind.count;
            }
            if let Some(from) = kind.from {
                here[from].1 += kind.amount * kind.count;
            }
            reach[index] = here;
        }
        let lacks = bank
            .accounts
            .values()
            .map(|account| account.balance - account.sure)
            .collect();
        Self {
            kinds,
            lacks,
            reach,
            dead_ends: HashSet::new(),
            tries: 0,
        }
    }

    /// Whether the kinds from the `index`th on explain what is lacking.
    fn explains(&mut self, index: usize) -> bool {
        self.tries += 1;
        let mut within = self.lacks.iter().zip(&self.reach[index]);
        if self.tries >= TRIES_MAX || !within.all(|(lack, (bring, take))| -take <= *lack && lack <= bring) {
            return false;
        }
        let Some(&Kind {
            from,
            to,
            amount,
            count,
        }) = self.kinds.get(index)
        else {
            return true;
        };
        if self.dead_ends.contains(&(index, self.lacks.clone())) {
            return false;
        }
        let shift = |lacks: &mut Vec<i128>, amount: i128| {
            if let Some(to) = to {
                lacks[to] -= amount;
            }
            if let Some(from) = from {
                lacks[from] += amount;
            }
        };
        for happened in 0..=count {
            shift(&mut self.lacks, amount * happened);
            let explained = self.explains(index + 1);
            shift(&mut self.lacks, -amount * happened);
            if explained {
                return true;
            }
        }
        self.dead_ends.insert((index, self.lacks.clone()));
        false
    }
}
