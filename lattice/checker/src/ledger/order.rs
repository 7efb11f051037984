//! Whether appends and reads stand in the order of time.

use super::{Append, Fault, Ledger, Read};
use crate::verdict::Finding;

/// What stands against the order of time.
pub(super) fn findings(ledger: &Ledger<'_>) -> Vec<Finding<Fault>> {
    let mut findings = appends(ledger);
    let prefixes: Vec<_> = ledger
        .reads
        .iter()
        .filter(|read| ledger.last.starts_with(read.list))
        .collect();
    for read in &ledger.reads {
        if !ledger.last.starts_with(read.list) {
            let said = "a read is no beginning of the final list";
            findings.push(Finding::new(Fault::NotAPrefix, ledger.key, &[read.op], said));
        }
    }
    findings.extend(stale(ledger, &prefixes));
    findings.extend(back(ledger, &prefixes));
    findings.extend(early(ledger, &prefixes));
    findings
}

/// The appends whose tokens are in the final list, in its order. Of a token that is there twice, its first place.
fn placed<'s, 'a>(ledger: &'s Ledger<'a>) -> impl DoubleEndedIterator<Item = (usize, &'s Append<'a>)> {
    let tokens = ledger
        .last
        .iter()
        .enumerate()
        .filter(|(place, token)| ledger.places[token.as_str()] == *place);
    tokens.filter_map(|(place, token)| Some((place, ledger.appends.get(token.as_str())?)))
}

fn appends(ledger: &Ledger<'_>) -> Vec<Finding<Fault>> {
    let mut findings = Vec::new();
    let mut earliest: Option<(u64, &Append<'_>)> = None;
    for (_, append) in placed(ledger).rev() {
        if let Some((_, behind)) = earliest.filter(|(ended_ns, _)| *ended_ns < append.op.begun_ns) {
            let said = "the second append began after the first had ended, and stands before it";
            findings.push(Finding::new(
                Fault::Reordered,
                ledger.key,
                &[behind.op, append.op],
                said,
            ));
        }
        if let Some((_, ended_ns)) = append.acknowledged
            && earliest.is_none_or(|(earliest_ns, _)| ended_ns < earliest_ns)
        {
            earliest = Some((ended_ns, append));
        }
    }
    findings.reverse();
    findings
}

/// A read must hold what was acknowledged before it began.
fn stale(ledger: &Ledger<'_>, reads: &[&Read<'_>]) -> Vec<Finding<Fault>> {
    let mut ended: Vec<_> = placed(ledger)
        .filter_map(|(place, append)| Some((append.acknowledged?.1, place, append)))
        .collect();
    ended.sort_by_key(|(ended_ns, place, _)| (*ended_ns, *place));
    let mut ended = ended.into_iter().peekable();
    let mut furthest: Option<(usize, &Append<'_>)> = None;
    let mut findings = Vec::new();
    // Reads are in the order in which they began, so what had ended before one had ended before the next.
    for read in reads {
        while let Some((_, place, append)) = ended.next_if(|(ended_ns, ..)| *ended_ns < read.op.begun_ns) {
            if furthest.is_none_or(|(furthest, _)| furthest < place) {
                furthest = Some((place, append));
            }
        }
        if let Some((_, append)) = furthest.filter(|(place, _)| *place >= read.list.len()) {
            let said = "a read began after an append was acknowledged and does not hold it";
            findings.push(Finding::new(Fault::StaleRead, ledger.key, &[append.op, read.op], said));
        }
    }
    findings
}

/// A read must hold what an earlier one held.
fn back(ledger: &Ledger<'_>, reads: &[&Read<'_>]) -> Vec<Finding<Fault>> {
    let mut by_end = reads.to_vec();
    by_end.sort_by_key(|read| read.ended_ns);
    let mut by_end = by_end.into_iter().peekable();
    let mut longest: Option<&Read<'_>> = None;
    let mut findings = Vec::new();
    for read in reads {
        while let Some(ended) = by_end.next_if(|ended| ended.ended_ns < read.op.begun_ns) {
            if longest.is_none_or(|longest| longest.list.len() < ended.list.len()) {
                longest = Some(ended);
            }
        }
        if let Some(longer) = longest.filter(|longest| longest.list.len() > read.list.len()) {
            let said = "a read holds less than one that had ended before it began";
            findings.push(Finding::new(Fault::WentBack, ledger.key, &[longer.op, read.op], said));
        }
    }
    findings
}

/// A read must not hold what began after it ended.
fn early(ledger: &Ledger<'_>, reads: &[&Read<'_>]) -> Vec<Finding<Fault>> {
    // Of each length, the append within it that began last.
    let mut latest: Vec<Option<&Append<'_>>> = vec![None; ledger.last.len() + 1];
    for (place, append) in placed(ledger) {
        latest[place + 1] = Some(append);
    }
    for length in 1..latest.len() {
        let before = latest[length - 1];
        if before.is_some_and(|before| latest[length].is_none_or(|here| here.op.begun_ns < before.op.begun_ns)) {
            latest[length] = before;
        }
    }
    let mut findings = Vec::new();
    for read in reads {
        if let Some(append) = latest[read.list.len()].filter(|append| append.op.begun_ns > read.ended_ns) {
            let said = "a read holds a token whose append began only after the read had ended";
            findings.push(Finding::new(Fault::TooEarly, ledger.key, &[read.op, append.op], said));
        }
    }
    findings
}
