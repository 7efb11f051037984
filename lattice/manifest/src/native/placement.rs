//! How many, and on which hosts.

use std::collections::BTreeMap;

use lattice_core::application::{Scale, Share};

use super::form::ShareForm;
use crate::read::{At, Plain, Reader, Table, labels};
use crate::source::Span;

/// Reads settings as the map of texts they become.
pub(crate) fn config(table: Option<&At<Table<Plain>>>) -> BTreeMap<String, String> {
    let pairs = table.into_iter().flat_map(|at| &at.value.0);
    pairs
        .map(|(key, value)| (key.value.clone(), value.value.0.clone()))
        .collect()
}

/// The groups of hosts of a spread.
pub(crate) fn shares(spread: Option<&At<Vec<At<ShareForm>>>>, reader: &mut Reader) -> Vec<Share> {
    let shares = spread.into_iter().flat_map(|at| &at.value).map(|share| Share {
        name: share.value.name.as_ref().map(|at| at.value.clone()),
        labels: labels(share.value.labels.as_ref(), reader),
        weight: share.value.weight.as_ref().map_or(Share::DEFAULT_WEIGHT, |at| at.value),
    });
    let shares: Vec<Share> = shares.collect();
    if let Some(span) = spread.map(|at| at.span).filter(|_| no_weight(&shares)) {
        reader.error(span, "no share of this weighs anything, and so nothing would run");
    }
    shares
}

fn no_weight(shares: &[Share]) -> bool {
    !shares.is_empty() && shares.iter().all(|share| share.weight == 0)
}

/// How many, of what was said: a number of replicas, or a number on each host.
pub(crate) fn scale(replicas: Option<&At<u32>>, per_host: Option<(u32, Span)>, reader: &mut Reader) -> Scale {
    match (replicas, per_host) {
        (Some(_), Some((_, span))) => {
            let help = "`replicas` counts them over all hosts, `daemon` puts as many on each";
            reader.error_with(span, "`replicas` and `daemon` exclude each other", help);
            Scale::default()
        }
        (Some(replicas), None) => Scale::Replicas(replicas.value),
        (None, Some((count, _))) => Scale::PerHost(count),
        (None, None) => Scale::default(),
    }
}

/// Tells a number that must not be zero.
pub(crate) fn positive(number: Option<&At<u32>>, what: &str, reader: &mut Reader) -> Option<u32> {
    let number = number?;
    if number.value == 0 {
        reader.error(number.span, format!("{what} must be 1 at least"));
        return None;
    }
    Some(number.value)
}
