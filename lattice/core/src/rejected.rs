//! Link tokens that were refused: shown to people, and tried again when trust or time change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::refusal::Refusal;
use crate::time::{CLOCK_SKEW, UnixSeconds};
use crate::token::{TOKEN_BYTES_MAX, Unverified};

/// How many refused tokens are kept. Whoever floods the bucket pushes out refusals, never links.
const REJECTED_MAX: usize = 1024;

/// A token that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why, the last time.
    pub refusal: Refusal,
    /// The link it says it is about. Nothing about that is proven.
    pub subject: Option<String>,
    /// When these bytes were refused first.
    pub first_at: UnixSeconds,
    /// When these bytes were refused last.
    pub last_at: UnixSeconds,
    /// The bytes, unless they are too long to be a token.
    bytes: Option<Arc<[u8]>>,
}

/// All of them, by their key in the bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct RejectedTokens(BTreeMap<String, Rejected>);

impl RejectedTokens {
    pub(crate) fn record(&mut self, key: &str, bytes: &[u8], refusal: &Refusal, now: UnixSeconds) {
        let kept = (bytes.len() <= TOKEN_BYTES_MAX).then_some(bytes);
        if let Some(same) = self.0.get_mut(key).filter(|rejected| rejected.bytes.as_deref() == kept) {
            (same.refusal, same.last_at) = (refusal.clone(), now);
            return;
        }
        self.make_room(key);
        let bytes: Option<Arc<[u8]>> = kept.map(Arc::from);
        let subject = bytes
            .as_deref()
            .and_then(|bytes| Some(Unverified::parse_bytes(bytes).ok()?.head().subject.clone()));
        let rejected = Rejected {
            refusal: refusal.clone(),
            subject,
            first_at: now,
            last_at: now,
            bytes,
        };
        self.0.insert(key.to_owned(), rejected);
    }

    /// Records a refusal unless a newer token under the same key waits there already.
    pub(crate) fn record_if_none(&mut self, key: &str, bytes: &[u8], refusal: &Refusal, now: UnixSeconds) {
        if !self.0.contains_key(key) {
            self.record(key, bytes, refusal, now);
        }
    }

    pub(crate) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Forgets a refusal of these very bytes.
    pub(crate) fn forget_same(&mut self, key: &str, bytes: &[u8]) {
        if self
            .0
            .get(key)
            .is_some_and(|rejected| rejected.bytes.as_deref() == Some(bytes))
        {
            self.0.remove(key);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Rejected)> {
        self.0.iter().map(|(key, rejected)| (key.as_str(), rejected))
    }

    /// Everything worth another try.
    pub(crate) fn all(&self) -> Vec<(String, Arc<[u8]>)> {
        self.pick(|_| true)
    }

    /// What was too early and is not any more.
    pub(crate) fn due(&self, now: UnixSeconds) -> Vec<(String, Arc<[u8]>)> {
        self.pick(|rejected| rejected.begins().is_some_and(|from| from <= now))
    }

    /// When something will stop being too early.
    pub(crate) fn next_due(&self) -> Option<UnixSeconds> {
        self.0.values().filter_map(Rejected::begins).min()
    }

    fn pick(&self, wanted: impl Fn(&Rejected) -> bool) -> Vec<(String, Arc<[u8]>)> {
        let wanted = self.0.iter().filter(|(_, rejected)| wanted(rejected));
        wanted
            .filter_map(|(key, rejected)| Some((key.clone(), rejected.bytes.clone()?)))
            .collect()
    }

    /// Pushes out the refusal that is oldest, if a new key needs its place.
    fn make_room(&mut self, key: &str) {
        if self.0.len() < REJECTED_MAX || self.0.contains_key(key) {
            return;
        }
        let oldest = self
            .0
            .iter()
            .min_by_key(|(_, rejected)| rejected.last_at)
            .map(|(key, _)| key.clone());
        oldest.map(|key| self.0.remove(&key));
    }
}

impl Rejected {
    /// The refused bytes, unless they were too long to be a token: for telling them apart and showing what they claim.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// When a token that was too early begins to count.
    fn begins(&self) -> Option<UnixSeconds> {
        match self.refusal {
            Refusal::NotYetValid { from, .. } => Some(from.before(CLOCK_SKEW)),
            _ => None,
        }
    }
}
