//! What clients wrote down, and what the judges say of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lattice_checker::bank::{self, BankOp};
use lattice_checker::counter::{self, CounterOp};
use lattice_checker::ledger::{self, LedgerOp};
use lattice_checker::{History, Operation, Outcome, Recorder};

/// A book for each kind of actor.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) carts: Recorder<CounterOp>,
    pub(crate) ledgers: Recorder<LedgerOp>,
    pub(crate) accounts: Recorder<BankOp>,
}

impl Books {
    /// All promises that were broken, in words.
    pub(crate) fn judge(&self) -> Vec<String> {
        let mut said = Vec::new();
        let verdict = counter::judge(&self.carts.history());
        said.extend(
            verdict
                .findings()
                .iter()
                .map(|one| format!("cart: {:?} of {}: {}", one.fault, one.key, one.said)),
        );
        let verdict = ledger::judge(&self.ledgers.history());
        said.extend(
            verdict
                .findings()
                .iter()
                .map(|one| format!("ledger: {:?} of {}: {}", one.fault, one.key, one.said)),
        );
        let verdict = bank::judge(&self.accounts.history());
        said.extend(
            verdict
                .findings()
                .iter()
                .map(|one| format!("bank: {:?} of {}: {}", one.fault, one.key, one.said)),
        );
        said
    }

    /// Operations that were answered, and those of which nobody knows.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let counts = [
            counts(&self.carts.history()),
            counts(&self.ledgers.history()),
            counts(&self.accounts.history()),
        ];
        counts.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// The longest time in which one and the same actor answered nobody, though it was asked all the time.
    pub(crate) fn longest_silence(&self) -> Duration {
        let longest = [
            silence(&self.carts.history()),
            silence(&self.ledgers.history()),
            silence(&self.accounts.history()),
        ];
        longest.into_iter().max().unwrap_or_default()
    }

    /// Keeps everything as JSON lines, a file for each kind.
    pub(crate) fn keep(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        keep(&self.carts.history(), &folder.join("cart.jsonl"))?;
        keep(&self.ledgers.history(), &folder.join("ledger.jsonl"))?;
        keep(&self.accounts.history(), &folder.join("bank.jsonl"))
    }
}

fn keep<O: Operation>(history: &History<O>, path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    history
        .write_json_lines(BufWriter::new(file))
        .with_context(|| format!("write {}", path.display()))
}

fn counts<O: Operation>(history: &History<O>) -> (usize, usize) {
    let answered = history
        .ops()
        .iter()
        .filter(|op| matches!(op.outcome, Outcome::Ok(_)))
        .count();
    let unknown = history.ops().iter().filter(|op| op.outcome == Outcome::Unknown).count();
    (answered, unknown)
}

fn silence<O: Operation>(history: &History<O>) -> Duration {
    let mut answered = BTreeMap::<&str, Vec<u64>>::new();
    for op in history.ops() {
        if let (Outcome::Ok(_) | Outcome::Failed, Some(ended_ns)) = (&op.outcome, op.ended_ns) {
            answered.entry(&op.key).or_default().push(ended_ns);
        }
    }
    let mut longest = 0;
    for times in answered.values_mut() {
        times.sort_unstable();
        longest = times
            .windows(2)
            .map(|two| two[1] - two[0])
            .max()
            .unwrap_or(0)
            .max(longest);
    }
    Duration::from_nanos(longest)
}
