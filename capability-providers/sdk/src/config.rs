//! Reads a provider's or a link's configuration, and collects every mistake in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lattice_core::text::{parse_bytes, parse_duration};

/// Reads typed values out of a map of strings.
///
/// Each getter takes a key and returns what the user said, or nothing when the key is absent or wrong; what is wrong is
/// remembered. [`finish`](Self::finish) tells all mistakes at once, keys that nobody asked for included.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::time::Duration;
/// use provider_sdk::config::ConfigReader;
///
/// let config = BTreeMap::from([("timeuot".to_owned(), "5s".to_owned()), ("body-max".to_owned(), "many".to_owned())]);
/// let mut reader = ConfigReader::new(&config);
/// let timeout = reader.duration("timeout").unwrap_or(Duration::from_secs(30));
/// let body_max = reader.byte_size("body-max").unwrap_or(1024);
/// assert_eq!(reader.finish().expect_err("two mistakes").len(), 2);
/// # let _ = (timeout, body_max);
/// ```
pub struct ConfigReader<'a> {
    values: &'a BTreeMap<String, String>,
    known: BTreeSet<&'static str>,
    mistakes: Vec<String>,
}

impl<'a> ConfigReader<'a> {
    /// Starts reading `values`.
    #[must_use]
    pub fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self {
            values,
            known: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    /// Returns the text at `key`, without blanks around it. An empty value is a mistake.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.known.insert(key);
        let text = self.values.get(key)?.trim();
        if text.is_empty() {
            self.mistake(key, "has no value");
            return None;
        }
        Some(text)
    }

    /// Returns the items of the comma-separated list at `key`. Empty items are a mistake.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<&'a str>> {
        let items: Vec<&str> = self.text(key)?.split(',').map(str::trim).collect();
        if items.iter().any(|item| item.is_empty()) {
            self.mistake(key, "has an empty item");
            return None;
        }
        Some(items)
    }

    /// Returns the value at `key` as `read` understands it; what `read` refuses is a mistake with its words.
    pub fn read<T>(&mut self, key: &'static str, read: impl FnOnce(&'a str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.mistake(key, &format!("`{text}` {why}"));
                None
            }
        }
    }

    /// Returns the items of the list at `key`, each as `read` understands it.
    pub fn read_list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&'a str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.list(key)?;
        let count = items.len();
        let mut values = Vec::with_capacity(count);
        for item in items {
            match read(item) {
                Ok(value) => values.push(value),
                Err(why) => self.mistake(key, &format!("`{item}` {why}")),
            }
        }
        (values.len() == count).then_some(values)
    }

    /// Returns the duration at `key`, such as `500ms` or `1h30m`; never zero.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, positive_duration)
    }

    /// Returns the size at `key` in bytes, such as `65536` or `64KiB`.
    pub fn byte_size(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, |text| {
            parse_bytes(text).map_err(|_| "is not a size such as `65536`, `64KiB` or `16MiB`".to_owned())
        })
    }

    /// Returns the whole number at `key`, from one to a hundred million.
    pub fn count(&mut self, key: &'static str) -> Option<usize> {
        self.read(key, |text| match text.parse() {
            Ok(count @ 1..=COUNT_MAX) => Ok(count),
            _ => Err(format!("is not a whole number from 1 to {COUNT_MAX}")),
        })
    }

    /// Takes a key for known without reading it.
    pub fn know(&mut self, key: &'static str) {
        self.known.insert(key);
    }

    /// Remembers a mistake at `key` that only the caller can see.
    pub fn mistake(&mut self, key: &str, what: &str) {
        self.mistakes.push(format!("`{key}` {what}"));
    }

    /// Ends reading.
    ///
    /// # Errors
    ///
    /// Every mistake, in words, when there was any; each key that no getter asked for is one.
    pub fn finish(mut self) -> Result<(), Vec<String>> {
        for key in self.values.keys() {
            if !self.known.contains(key.as_str()) {
                let hint = nearest(key, self.known.iter().copied());
                let known: Vec<&str> = self.known.iter().copied().collect();
                self.mistakes.push(match hint {
                    Some(hint) => format!("`{key}` is not a known key; did you mean `{hint}`?"),
                    None if known.is_empty() => format!("`{key}` is not a known key; none are"),
                    None => format!("`{key}` is not a known key; known are {}", known.join(", ")),
                });
            }
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(self.mistakes)
        }
    }
}

/// More of anything than a process can have, and small enough for every counter.
const COUNT_MAX: usize = 100_000_000;

/// A year is for ever, and small enough to add to any instant.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

fn positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("is no time at all".to_owned()),
        Ok(duration) if duration <= DURATION_MAX => Ok(duration),
        Ok(_) => Err("is more than a year".to_owned()),
        Err(_) => Err("is not a duration such as `500ms`, `30s` or `1h30m`".to_owned()),
    }
}

/// Returns the candidate that a typing mistake most likely meant, if any is near enough.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let spelt = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let word = spelt(word);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&word, &spelt(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Counts the insertions, deletions, replacements and swaps of neighbours between two words.
fn edit_distance(a: &str, b: &str) -> usize {
    // Keys come from outside; past this length nothing is a typing mistake and the table would grow for nothing.
    const LEN_MAX: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > LEN_MAX || b.len() > LEN_MAX {
        return usize::MAX;
    }
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in table.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in table[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn durations_are_positive_and_end() {
        for text in ["", "30", "0s", "366d", "soon"] {
            assert!(positive_duration(text).is_err(), "{text}");
        }
        assert_eq!(positive_duration("1h30m"), Ok(Duration::from_secs(5400)));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let config = map(&[
            ("timeout", "soon"),
            ("addres", "x"),
            ("empty", " "),
            ("zzz", "1"),
            ("items", "a,,b"),
        ]);
        let mut reader = ConfigReader::new(&config);
        assert_eq!(reader.duration("timeout"), None);
        assert_eq!(reader.text("address"), None);
        assert_eq!(reader.text("empty"), None);
        assert_eq!(reader.list("items"), None);
        let mistakes = reader.finish().expect_err("five mistakes");
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.contains("did you mean `address`")),
            "{mistakes:?}"
        );
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.contains("known are address, empty")),
            "{mistakes:?}"
        );
    }

    #[test]
    fn underscores_and_swapped_letters_are_near() {
        assert_eq!(nearest("body_max", ["body-max", "timeout"]), Some("body-max"));
        assert_eq!(nearest("timeuot", ["body-max", "timeout"]), Some("timeout"));
        assert_eq!(nearest("zzz", ["body-max", "timeout"]), None);
        assert_eq!(nearest(&"x".repeat(10_000), ["body-max"]), None);
    }
}
