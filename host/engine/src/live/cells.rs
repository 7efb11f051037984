//! The cells of one stateful actor: what is in them, what was written since it was last told, and how it was before the turn.
//! Decides only.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use lattice_core::stateful::Cells;

/// The longest key of a cell, in bytes.
const KEY_BYTES_MAX: usize = 1024;

pub(crate) struct CellMap {
    cells: Cells,
    /// Of all keys and values together.
    bytes: u64,
    bytes_max: u64,
    /// Keys that were written and not yet told, each with the number of its last write.
    untold: BTreeMap<String, u64>,
    writes: u64,
    /// What the turn's first write has the number of.
    turn: u64,
    /// What to put back if the turn is taken back: each key once, as it was when the turn began.
    before: Vec<Before>,
}

struct Before {
    key: String,
    cell: Option<Bytes>,
    untold: Option<u64>,
}

/// A cell that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCell {
    #[error("the key of a state cell has {0} bytes, it may have {KEY_BYTES_MAX}")]
    Key(usize),
    #[error("the actor's state cells would have {bytes} bytes, they may have {max}")]
    Full { bytes: u64, max: u64 },
}

impl CellMap {
    pub(crate) fn new(cells: Cells, bytes_max: u64) -> Self {
        let bytes = cells.iter().map(|(key, value)| size(key, value)).sum();
        Self {
            cells,
            bytes,
            bytes_max,
            untold: BTreeMap::new(),
            writes: 0,
            turn: 0,
            before: Vec::new(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Bytes> {
        self.cells.get(key)
    }

    pub(crate) fn set(&mut self, key: String, value: Bytes) -> Result<(), NoCell> {
        if key.len() > KEY_BYTES_MAX {
            return Err(NoCell::Key(key.len()));
        }
        let old = self.cells.get(&key).map_or(0, |value| size(&key, value));
        let bytes = self.bytes - old + size(&key, &value);
        // One that is over the limit already, because the limit was lowered, may still shrink.
        if bytes > self.bytes_max && bytes > self.bytes {
            return Err(NoCell::Full {
                bytes,
                max: self.bytes_max,
            });
        }
        self.bytes = bytes;
        self.note(&key);
        self.cells.insert(key, value);
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        let Some(value) = self.cells.get(key) else { return };
        self.bytes -= size(key, value);
        self.note(key);
        self.cells.remove(key);
    }

    /// The first cells whose keys begin with `prefix`, in the order of their keys.
    pub(crate) fn scan(&self, prefix: &str, limit: usize) -> impl Iterator<Item = (&String, &Bytes)> {
        self.cells
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .take(limit)
    }

    /// Keeps what the turn wrote, and tells it: the last write of each key, in the order of those writes. Tells as well what was written
    /// while the actor was woken, with the first turn that is kept.
    pub(crate) fn keep(&mut self) -> Vec<(String, Option<Bytes>)> {
        self.before.clear();
        self.turn = self.writes;
        let mut told: Vec<_> = std::mem::take(&mut self.untold).into_iter().collect();
        told.sort_unstable_by_key(|(_, number)| *number);
        told.into_iter()
            .map(|(key, _)| {
                let value = self.cells.get(&key).cloned();
                (key, value)
            })
            .collect()
    }

    /// Keeps what was written while the actor was woken, to be told with its first turn.
    pub(crate) fn keep_untold(&mut self) {
        self.before.clear();
        self.turn = self.writes;
    }

    /// Puts everything back as it was when the turn began.
    pub(crate) fn take_back(&mut self) {
        for before in std::mem::take(&mut self.before) {
            if let Some(value) = self.cells.remove(&before.key) {
                self.bytes -= size(&before.key, &value);
            }
            match before.untold {
                Some(number) => self.untold.insert(before.key.clone(), number),
                None => self.untold.remove(&before.key),
            };
            if let Some(value) = before.cell {
                self.bytes += size(&before.key, &value);
                self.cells.insert(before.key, value);
            }
        }
        self.turn = self.writes;
    }

    /// Notes that a key is about to be written.
    fn note(&mut self, key: &str) {
        let number = self.writes;
        self.writes += 1;
        let untold = self.untold.insert(key.to_owned(), number);
        if untold.is_none_or(|last| last < self.turn) {
            self.before.push(Before {
                key: key.to_owned(),
                cell: self.cells.get(key).cloned(),
                untold,
            });
        }
    }
}

fn size(key: &str, value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(bytes_max: u64) -> CellMap {
        CellMap::new(Cells::from([("a".into(), "1".into())]), bytes_max)
    }

    #[test]
    fn the_last_write_of_each_key_is_told_in_order() {
        let mut cells = map(100);
        cells.set("x".into(), "1".into()).expect("fits");
        cells.set("a".into(), "2".into()).expect("fits");
        cells.set("x".into(), "3".into()).expect("fits");
        cells.remove("a");
        cells.remove("nothing");
        assert_eq!(cells.keep(), [("x".into(), Some("3".into())), ("a".into(), None)]);
        assert_eq!(cells.keep(), []);
    }

    #[test]
    fn a_turn_that_is_taken_back_leaves_what_was_untold_before() {
        let mut cells = map(100);
        cells.set("x".into(), "woken".into()).expect("fits");
        cells.keep_untold();
        cells.set("x".into(), "turn".into()).expect("fits");
        cells.remove("a");
        cells.take_back();
        assert_eq!(cells.get("a"), Some(&"1".into()));
        assert_eq!(cells.keep(), [("x".into(), Some("woken".into()))]);
    }

    #[test]
    fn cells_over_a_limit_are_refused_and_may_shrink() {
        let mut cells = map(10);
        let full = cells.set("b".into(), "123456789".into());
        assert_eq!(full, Err(NoCell::Full { bytes: 12, max: 10 }));
        assert_eq!(cells.set("k".repeat(1025), "".into()), Err(NoCell::Key(1025)));
        assert_eq!(cells.keep(), []);
        let mut cells = CellMap::new(Cells::from([("a".into(), "12345".into())]), 3);
        cells.set("a".into(), "1234".into()).expect("shrinks");
    }

    #[test]
    fn scans_by_prefix_in_order() {
        let mut cells = map(100);
        for key in ["b/2", "b/1", "b", "c"] {
            cells.set(key.into(), "v".into()).expect("fits");
        }
        let found: Vec<_> = cells.scan("b/", 9).map(|(key, _)| key.as_str()).collect();
        assert_eq!(found, ["b/1", "b/2"]);
        assert_eq!(cells.scan("", 2).count(), 2);
    }

    proptest! {
        #[test]
        fn turns_do_what_a_plain_map_does(turns in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(("[abc]", prop::option::of("[xyz]{0,3}")), 0..8)), 0..8))
        {
            let mut cells = CellMap::new(Cells::new(), 1000);
            let (mut model, mut stored) = (Cells::new(), Cells::new());
            for (kept, writes) in turns {
                let before = model.clone();
                for (key, value) in writes {
                    match value {
                        Some(value) => {
                            cells.set(key.clone(), value.clone().into()).expect("fits");
                            model.insert(key, value.into());
                        }
                        None => {
                            cells.remove(&key);
                            model.remove(&key);
                        }
                    }
                }
                if kept {
                    for (key, value) in cells.keep() {
                        match value {
                            Some(value) => stored.insert(key, value),
                            None => stored.remove(&key),
                        };
                    }
                } else {
                    cells.take_back();
                    model = before;
                }
                prop_assert_eq!(&cells.cells, &model);
                prop_assert_eq!(&stored, &model);
                prop_assert_eq!(cells.bytes, model.iter().map(|(key, value)| size(key, value)).sum::<u64>());
            }
        }
    }
}
