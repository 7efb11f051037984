//! Whether the answered operations can stand in the order of their totals.

use super::{Fault, Step};
use crate::verdict::{FINDINGS_MAX, Finding};

/// What is wrong with steps that are sorted by total, whatever happened to the unknown additions.
pub(super) fn findings(key: &str, steps: &[Step<'_>]) -> Vec<Finding<Fault>> {
    let mut findings = overlaps(key, steps);
    findings.extend(inversions(key, steps));
    findings.truncate(FINDINGS_MAX);
    findings
}

/// Two additions cannot have taken the total through the same values, and nobody can have read a value within one.
fn overlaps(key: &str, steps: &[Step<'_>]) -> Vec<Finding<Fault>> {
    let mut findings = Vec::new();
    // Backwards, the lowest start seen so far tells whether one of the later additions reaches down over this step.
    let mut lowest: Option<&Step<'_>> = None;
    for step in steps.iter().rev() {
        if let Some(over) = lowest.filter(|over| over.from < step.to) {
            let (fault, said) = if step.is_addition() {
                let said = "both additions were acknowledged, but the total holds only one of them";
                (Fault::LostUpdate, said)
            } else {
                (Fault::NeverSo, "a total was read that lies within one addition")
            };
            findings.push(Finding::new(fault, key, &[step.op, over.op], said));
        }
        if step.is_addition() && lowest.is_none_or(|lowest| step.from < lowest.from) {
            lowest = Some(step);
        }
    }
    findings.reverse();
    findings
}

/// Nothing with a higher total can have ended before something with a lower one began.
fn inversions(key: &str, steps: &[Step<'_>]) -> Vec<Finding<Fault>> {
    let mut pairs = Vec::new();
    let mut earliest: Option<&Step<'_>> = None;
    // Those at the same total as `step` and without an order among themselves: they count only for what lies below.
    let mut level: Option<&Step<'_>> = None;
    for (index, step) in steps.iter().enumerate().rev() {
        if steps.get(index + 1).is_some_and(|next| next.to != step.to) || step.is_addition() {
            earliest = sooner(earliest, level.take());
        }
        if let Some(higher) = earliest.filter(|higher| higher.ended_ns < step.op.begun_ns) {
            // Two additions that overlap have been told of already.
            if !(higher.is_addition() && step.is_addition() && higher.from < step.to) {
                pairs.push((step, higher));
            }
        }
        level = sooner(level, Some(step));
    }
    let lowest_first = pairs.into_iter().rev().take(FINDINGS_MAX);
    lowest_first
        .map(|(step, higher)| inversion(key, step, higher, steps))
        .collect()
}

fn inversion(key: &str, step: &Step<'_>, higher: &Step<'_>, steps: &[Step<'_>]) -> Finding<Fault> {
    let (fault, said) = if !higher.is_addition() {
        (
            Fault::WentBack,
            "a client was told a total, and later one was told a lower one",
        )
    } else if step.is_addition() || !seen_later(higher, steps) {
        (
            Fault::LostUpdate,
            "an addition was acknowledged, and what began later does not hold it",
        )
    } else {
        (
            Fault::StaleRead,
            "a read began after an addition was acknowledged and does not hold it, though later ones do",
        )
    };
    Finding::new(fault, key, &[higher.op, step.op], said)
}

/// Whether anything that began after the end of `addition` holds it.
fn seen_later(addition: &Step<'_>, steps: &[Step<'_>]) -> bool {
    steps
        .iter()
        .rev()
        .take_while(|step| step.to >= addition.to)
        .any(|step| step.op.begun_ns > addition.ended_ns)
}

fn sooner<'s, 'a>(one: Option<&'s Step<'a>>, other: Option<&'s Step<'a>>) -> Option<&'s Step<'a>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.ended_ns < one.ended_ns { other } else { one }),
        (one, other) => one.or(other),
    }
}
