//! What a misspelt word most likely meant.

/// Words longer than this are not typing mistakes, and comparing them would cost more than it helps.
const LENGTH_MAX: usize = 64;

/// The candidate that is near enough to `word` to be what was meant.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > LENGTH_MAX {
        return None;
    }
    let spelt = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let word = spelt(word);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .map(|candidate| (strsim::osa_distance(&word, &spelt(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        // A word of one letter is one change from any other.
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `word`?``, if one is near.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// ``did you mean `word`?``, or which there are.
pub(crate) fn hint(word: &str, candidates: &[&str]) -> String {
    did_you_mean(word, candidates.iter().copied()).unwrap_or_else(|| format!("known are {}", candidates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        let check = |word: &str, expect: Option<&str>| {
            assert_eq!(
                nearest(word, ["replicas", "placement", "kv", "store"]),
                expect,
                "{word}"
            );
        };
        check("replcias", Some("replicas"));
        check("Replicas", Some("replicas"));
        check("stoer", Some("store"));
        check("kvv", Some("kv"));
        check("x", None);
        check("limits", None);
        check(&"x".repeat(10_000), None);
    }
}
