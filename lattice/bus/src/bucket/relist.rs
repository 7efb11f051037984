//! What is news after an outage.
//!
//! After an interruption a watch lists the bucket again. That is the one way that is right whatever happened meanwhile: changes, deletions, markers
//! that came and went, a bucket restored from a backup or made anew. What the watcher knows already is held back.

use std::collections::HashMap;
use std::time::SystemTime;

use bytes::Bytes;

use super::{Entry, Operation};

/// What a watcher has been told, and whether a listing is under way. Pure.
#[derive(Debug, Default)]
pub(super) struct Relist {
    known: HashMap<String, Known>,
    /// Counts listings; a key last seen in an earlier one is gone.
    listing: u64,
}

#[derive(Debug)]
struct Known {
    revision: u64,
    live: bool,
    created: SystemTime,
    seen_in: u64,
}

impl Relist {
    /// A listing begins.
    pub(super) fn begin(&mut self) {
        self.listing += 1;
    }

    /// An entry was read; returns it if it is news.
    pub(super) fn take(&mut self, entry: Entry) -> Option<Entry> {
        let known = Known {
            revision: entry.revision,
            live: entry.is_live(),
            created: entry.created,
            seen_in: self.listing,
        };
        match self.known.insert(entry.key.clone(), known) {
            // Time as well as revision: a bucket made anew counts from 1 again.
            Some(old) if old.revision == entry.revision && old.created == entry.created => None,
            _ => Some(entry),
        }
    }

    /// The listing is complete; returns the removal of what it did not contain.
    pub(super) fn complete(&mut self) -> Vec<Entry> {
        let mut gone = Vec::new();
        self.known.retain(|key, known| {
            let stays = known.seen_in == self.listing;
            if !stays && known.live {
                gone.push(Entry {
                    key: key.clone(),
                    value: Bytes::new(),
                    revision: known.revision,
                    operation: Operation::Purge,
                    created: known.created,
                });
            }
            stays
        });
        gone.sort_by(|a, b| a.key.cmp(&b.key));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, revision: u64, operation: Operation) -> Entry {
        let created = SystemTime::UNIX_EPOCH;
        Entry {
            key: key.into(),
            value: Bytes::new(),
            revision,
            operation,
            created,
        }
    }

    /// Lists `entries` and returns what was told: key, revision, operation.
    fn list(relist: &mut Relist, entries: &[(&str, u64, Operation)]) -> Vec<(String, u64, Operation)> {
        relist.begin();
        let mut told: Vec<Entry> = entries
            .iter()
            .filter_map(|(key, revision, operation)| relist.take(entry(key, *revision, *operation)))
            .collect();
        told.extend(relist.complete());
        told.into_iter()
            .map(|entry| (entry.key, entry.revision, entry.operation))
            .collect()
    }

    #[test]
    fn only_news_is_told_again() {
        use Operation::{Delete, Purge, Put};
        let mut relist = Relist::default();
        assert_eq!(
            list(&mut relist, &[("a", 1, Put), ("b", 2, Put), ("c", 3, Put)]).len(),
            3
        );
        let news = list(&mut relist, &[("a", 1, Put), ("b", 5, Delete), ("d", 6, Put)]);
        assert_eq!(
            news,
            [("b".into(), 5, Delete), ("d".into(), 6, Put), ("c".into(), 3, Purge)]
        );
        assert_eq!(
            list(&mut relist, &[("a", 1, Put), ("d", 6, Put)]),
            [],
            "a marker that went is no news"
        );
    }

    #[test]
    fn a_bucket_made_anew_is_news() {
        let mut relist = Relist::default();
        list(&mut relist, &[("a", 1, Operation::Put)]);
        relist.begin();
        let mut anew = entry("a", 1, Operation::Put);
        anew.created += std::time::Duration::from_secs(60);
        assert_eq!(relist.take(anew.clone()), Some(anew));
    }

    #[test]
    fn a_restored_older_revision_is_news() {
        let mut relist = Relist::default();
        list(&mut relist, &[("a", 9, Operation::Put)]);
        assert_eq!(
            list(&mut relist, &[("a", 4, Operation::Put)]),
            [("a".into(), 4, Operation::Put)]
        );
    }
}
