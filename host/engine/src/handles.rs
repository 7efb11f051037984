//! Which of the host's things a guest still holds. None of them can be saved with it.

use std::any::Any;
use std::collections::HashSet;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::{FieldMap, RequestOptions, p2, p3};

use crate::ctx::HANDLES_MAX;
use crate::imports::{Bucket, Cas, TargetInterface};

/// Names what is in the table, but for the streams of standard input and output, which runtimes open once and keep.
pub(crate) fn open(table: &ResourceTable) -> Vec<String> {
    let entries: Vec<Entry> = (0..u32::try_from(HANDLES_MAX).unwrap_or(u32::MAX))
        .filter_map(|index| Entry::at(table, index))
        .collect();
    // Streams of bodies belong to their bodies; those that belong to nothing are the standard ones.
    let owned: HashSet<usize> = entries.iter().flat_map(|entry| entry.children(table)).collect();
    let is_standard = |entry: &&Entry| entry.kind.is_stream() && !owned.contains(&entry.address);
    let excused: HashSet<usize> = entries
        .iter()
        .filter(is_standard)
        .flat_map(|entry| entry.children(table).chain([entry.address]))
        .collect();
    entries
        .iter()
        .filter(|entry| !excused.contains(&entry.address))
        .map(|entry| entry.kind.0.to_owned())
        .collect()
}

struct Entry {
    index: u32,
    kind: Kind,
    /// Where it is, by which it is told from others.
    address: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind(&'static str);

const INPUT: Kind = Kind("input stream");
const OUTPUT: Kind = Kind("output stream");

impl Kind {
    fn is_stream(self) -> bool {
        self == INPUT || self == OUTPUT
    }
}

impl Entry {
    fn at(table: &ResourceTable, index: u32) -> Option<Self> {
        let any = Resource::<()>::new_borrow(index);
        // There is something, whatever it is, if its children can be asked for.
        table.iter_children(&any).is_ok().then_some(())?;
        let known = PROBES
            .iter()
            .find_map(|(kind, probe)| Some((*kind, probe(table, index)?)));
        let (kind, address) = known.unwrap_or((Kind("handle"), 0));
        Some(Self { index, kind, address })
    }

    fn children(&self, table: &ResourceTable) -> impl Iterator<Item = usize> {
        let any = Resource::<()>::new_borrow(self.index);
        let children: Vec<usize> = table
            .iter_children(&any)
            .map(|children| children.map(|child| std::ptr::from_ref(child).addr()).collect())
            .unwrap_or_default();
        children.into_iter()
    }
}

/// Looks for a thing of one type in a place of the table.
type Probe = fn(&ResourceTable, u32) -> Option<usize>;

const PROBES: &[(Kind, Probe)] = &[
    (INPUT, probe::<DynInputStream>),
    (OUTPUT, probe::<DynOutputStream>),
    (Kind("pollable"), probe::<DynPollable>),
    (Kind("key-value bucket"), probe::<Bucket>),
    (Kind("key-value compare-and-swap"), probe::<Cas>),
    (Kind("call target interface"), probe::<TargetInterface>),
    (Kind("HTTP headers"), probe::<FieldMap>),
    (Kind("HTTP request options"), probe::<RequestOptions>),
    (Kind("HTTP response outparam"), probe::<p2::types::HostResponseOutparam>),
    (Kind("incoming HTTP request"), probe::<p2::types::HostIncomingRequest>),
    (Kind("incoming HTTP response"), probe::<p2::types::HostIncomingResponse>),
    (Kind("incoming HTTP body"), probe::<p2::body::HostIncomingBody>),
    (Kind("outgoing HTTP request"), probe::<p2::types::HostOutgoingRequest>),
    (Kind("outgoing HTTP response"), probe::<p2::types::HostOutgoingResponse>),
    (Kind("outgoing HTTP body"), probe::<p2::body::HostOutgoingBody>),
    (
        Kind("HTTP response to come"),
        probe::<p2::types::HostFutureIncomingResponse>,
    ),
    (Kind("HTTP trailers to come"), probe::<p2::body::HostFutureTrailers>),
    (Kind("HTTP request"), probe::<p3::Request>),
    (Kind("HTTP response"), probe::<p3::Response>),
];

fn probe<T: Any>(table: &ResourceTable, index: u32) -> Option<usize> {
    let found = table.get(&Resource::<T>::new_borrow(index)).ok()?;
    Some(std::ptr::from_ref(found).addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_streams_do_not_count() {
        let mut table = ResourceTable::new();
        assert!(open(&table).is_empty());
        let gone = table.push(FieldMap::default()).expect("room");
        let stdin: DynInputStream = Box::new(wasmtime_wasi::p2::pipe::ClosedInputStream);
        let stdin = table.push(stdin).expect("room");
        wasmtime_wasi::p2::subscribe(&mut table, stdin).map(drop).expect("room");
        table.delete(gone).expect("is there");
        assert!(open(&table).is_empty());
        table.push(RequestOptions::default()).expect("room");
        assert_eq!(open(&table), ["HTTP request options"]);
        let body: DynInputStream = Box::new(wasmtime_wasi::p2::pipe::ClosedInputStream);
        let request = table.push(()).expect("room");
        table.push_child(body, &request).expect("room");
        let mut found = open(&table);
        found.sort_unstable();
        assert_eq!(found, ["HTTP request options", "handle", "input stream"]);
    }
}
