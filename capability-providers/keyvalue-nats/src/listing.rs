//! Cuts a bucket's keys into pages.
//!
//! Pages follow a hash of the key, and a cursor is a hash: the next page has the keys with greater ones. So a cursor means the same
//! on every host and after every restart, and what comes and goes between two pages moves no other key.

use provider_sdk::capability::KeyPage;

/// Keys in a page; more only where several share the last one's hash.
const PAGE_KEYS: usize = 10_000;

/// Returns the page of `keys` that follows `cursor`.
pub(crate) fn page(keys: Vec<String>, cursor: Option<u64>) -> KeyPage {
    page_of(keys, cursor, PAGE_KEYS)
}

fn page_of(keys: Vec<String>, cursor: Option<u64>, page_keys: usize) -> KeyPage {
    let mut rest: Vec<(u64, String)> = keys
        .into_iter()
        .map(|key| (hash(&key), key))
        .filter(|(hash, _)| cursor.is_none_or(|cursor| *hash > cursor))
        .collect();
    rest.sort_unstable();
    let mut cut = page_keys.min(rest.len());
    while (1..rest.len()).contains(&cut) && rest[cut - 1].0 == rest[cut].0 {
        cut += 1;
    }
    let is_last = cut == rest.len();
    rest.truncate(cut);
    let cursor = if is_last {
        None
    } else {
        rest.last().map(|(hash, _)| *hash)
    };
    KeyPage {
        keys: rest.into_iter().map(|(_, key)| key).collect(),
        cursor,
    }
}

/// FNV-1a, which must stay what it is: hosts of different versions share cursors.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("key-{number}")).collect()
    }

    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn pages_have_every_key_once() {
        for count in [0, 1, 9, 10, 11, 100] {
            let mut seen = Vec::new();
            let mut cursor = None;
            loop {
                let page = page_of(keys(count), cursor, 10);
                assert!(page.keys.len() <= 10);
                seen.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), count);
            assert_eq!(
                seen.into_iter().collect::<BTreeSet<_>>(),
                keys(count).into_iter().collect()
            );
        }
    }

    #[test]
    fn what_comes_and_goes_hides_no_other() {
        let first = page_of(keys(100), None, 10);
        let stays: BTreeSet<String> = keys(100).into_iter().filter(|key| !first.keys.contains(key)).collect();
        let later: Vec<String> = stays
            .iter()
            .cloned()
            .chain((200..300).map(|number| format!("key-{number}")))
            .collect();
        let rest = page_of(later, first.cursor, 1000);
        assert!(stays.is_subset(&rest.keys.into_iter().collect()));
    }
}
