//! The links in force on one member, decided from tokens that anyone may have put into the bucket.
//!
//! The table believes signatures, not storage: an older generation never replaces a newer one, a signed tombstone ends a link, a
//! bare deletion changes nothing, and what was refused is kept so that it can be shown and tried again when trust or time change.
//! It is pure: bytes, trust and the time go in, changes come out.
//! The example at the top of the crate uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Digest;
use crate::link::{ActiveLink, LinkId};
use crate::link_check::{CheckedLink, LinkForm, check_link, recheck};
use crate::refusal::Refusal;
use crate::rejected::{Rejected, RejectedTokens};
use crate::time::{CLOCK_SKEW, UnixSeconds};
use crate::trust::Trust;

/// The links in force, and what was refused.
#[derive(Clone, Debug, Default)]
pub struct LinkTable {
    entries: BTreeMap<LinkId, Entry>,
    rejected: RejectedTokens,
}

/// The highest generation of a link accepted so far, and what became of it.
#[derive(Clone, Debug)]
struct Entry {
    key: String,
    generation: u64,
    digest: Digest,
    token: Arc<str>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// In force until then.
    Active { link: Arc<ActiveLink>, until: UnixSeconds },
    /// Not in force now: over, or no longer backed by trust, or loaded from disk and not checked yet.
    Dormant,
    /// Dead by revocation. These bytes never come back, even if a later bundle forgets the revocation.
    Revoked,
    /// Ended by a tombstone.
    Tombstone,
}

/// What became of the links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Unchanged,
    /// This link is in force now, in place of any earlier generation.
    Linked(Arc<ActiveLink>),
    /// This link is not in force any more.
    Unlinked(LinkId, Gone),
}

/// Why a link is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// An issuer ended it.
    Tombstone,
    /// It expired, or trust changed.
    Refused(Refusal),
}

/// What must survive a restart about one link, so that no older generation is accepted afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Which link.
    pub link: LinkId,
    /// The highest generation accepted.
    pub generation: u64,
    /// What it did.
    pub state: RememberedState,
    /// The token itself: with it, a member that starts offline has its links.
    pub token: Arc<str>,
}

/// What the highest generation of a link did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RememberedState {
    /// It granted the link.
    Linked,
    /// It granted the link and was revoked.
    Revoked,
    /// It ended the link.
    Unlinked,
}

impl LinkTable {
    /// A table that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A table that goes on from what [`LinkTable::export`] saved. No link is in force until [`LinkTable::recheck`] has checked
    /// the saved tokens again.
    pub fn restore(saved: impl IntoIterator<Item = Remembered>) -> Self {
        let mut table = Self::new();
        for remembered in saved {
            let entry = Entry::from(&remembered);
            match table.entries.get(&remembered.link) {
                Some(have) if have.rank() >= entry.rank() => {}
                _ => drop(table.entries.insert(remembered.link, entry)),
            }
        }
        table
    }

    /// Everything to keep on disk. Write it before acting on a change: a mark that is lost lets an older link return.
    pub fn export(&self) -> Vec<Remembered> {
        self.entries.iter().map(|(link, entry)| entry.remember(link)).collect()
    }

    /// What to keep on disk about one link.
    pub fn remembered(&self, link: &LinkId) -> Option<Remembered> {
        self.entries.get(link).map(|entry| entry.remember(link))
    }

    /// Takes a token that lies in the bucket under `key`, or refuses it and keeps what was in force.
    ///
    /// # Errors
    /// Says why the token was refused; [`LinkTable::refusals`] lists it from then on.
    pub fn admit(&mut self, key: &str, bytes: &[u8], trust: &Trust, now: UnixSeconds) -> Result<Change, Refusal> {
        let change = self.decide(key, bytes, trust, now);
        match &change {
            Ok(_) => self.rejected.forget(key),
            Err(refusal) => self.rejected.record(key, bytes, refusal, now),
        }
        change
    }

    /// Notes that `key` was deleted in the bucket without a tombstone. That ends no link; if one is still in force, it is
    /// returned, since somebody should put it back.
    pub fn note_deleted(&mut self, key: &str) -> Option<Arc<ActiveLink>> {
        self.rejected.forget(key);
        self.entries
            .values()
            .find(|entry| entry.key == key)
            .and_then(Entry::active)
            .cloned()
    }

    /// Lets time pass: ends what is over, and tries again what was too early. Call it at [`LinkTable::next_wakeup`].
    pub fn tick(&mut self, trust: &Trust, now: UnixSeconds) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, entry) in &mut self.entries {
            match &entry.state {
                State::Active { until, .. } if is_over(*until, now) => {
                    let refusal = Refusal::Expired { at: *until, now };
                    changes.push(entry.suspend(id, refusal, now, &mut self.rejected));
                }
                _ => {}
            }
        }
        let due = self.rejected.due(now);
        changes.extend(self.retry(due, trust, now));
        changes
    }

    /// When [`LinkTable::tick`] has something to do next.
    pub fn next_wakeup(&self) -> Option<UnixSeconds> {
        let ends = self.entries.values().filter_map(|entry| match &entry.state {
            State::Active { until, .. } if *until < UnixSeconds::MAX => Some(first_second_after(*until)),
            _ => None,
        });
        ends.chain(self.rejected.next_due()).min()
    }

    /// Judges everything again after a change of trust. What is in force is checked without cryptography; what was refused is
    /// tried again in full.
    pub fn recheck(&mut self, trust: &Trust, now: UnixSeconds) -> Vec<Change> {
        let mut changes = Vec::new();
        let again = self.rejected.all();
        let mut dormant = Vec::new();
        for (id, entry) in &mut self.entries {
            match &mut entry.state {
                State::Active { link, until } => match recheck(link, trust, now) {
                    Ok(new_end) => *until = new_end,
                    Err(refusal) => changes.push(entry.suspend(id, refusal, now, &mut self.rejected)),
                },
                State::Dormant => dormant.push(id.clone()),
                State::Revoked | State::Tombstone => {}
            }
        }
        changes.extend(dormant.iter().filter_map(|id| self.revive(id, trust, now)));
        changes.extend(self.retry(again, trust, now));
        changes
    }

    /// A link in force.
    pub fn get(&self, link: &LinkId) -> Option<&Arc<ActiveLink>> {
        self.entries.get(link).and_then(Entry::active)
    }

    /// All links in force.
    pub fn links(&self) -> impl Iterator<Item = &Arc<ActiveLink>> {
        self.entries.values().filter_map(Entry::active)
    }

    /// The highest generation of a link accepted so far; sign the next one with a higher.
    pub fn generation(&self, link: &LinkId) -> Option<u64> {
        self.entries.get(link).map(|entry| entry.generation)
    }

    /// Tokens that were refused, by their key in the bucket.
    pub fn refusals(&self) -> impl Iterator<Item = (&str, &Rejected)> {
        self.rejected.iter()
    }

    fn decide(&mut self, key: &str, bytes: &[u8], trust: &Trust, now: UnixSeconds) -> Result<Change, Refusal> {
        let known = |id: &LinkId, digest: &Digest| self.entries.get(id).is_some_and(|entry| entry.digest == *digest);
        let checked = check_link(bytes, trust, now, known)?;
        let expected = checked.id.link_key();
        if expected != key {
            return Err(Refusal::KeyMismatch {
                key: key.chars().take(64).collect(),
                expected,
            });
        }
        if let Some(have) = self.entries.get(&checked.id)
            && have.compare(&checked)? == Standing::Same
        {
            return Ok(Change::Unchanged);
        }
        Ok(self.apply(checked, bytes))
    }

    fn apply(&mut self, checked: CheckedLink, bytes: &[u8]) -> Change {
        let CheckedLink {
            id,
            generation,
            form,
            until,
            digest,
        } = checked;
        let (state, token, change) = match form {
            LinkForm::Link(link) => {
                let link: Arc<ActiveLink> = Arc::from(link);
                let token = link.token.clone();
                (
                    State::Active {
                        link: link.clone(),
                        until,
                    },
                    token,
                    Change::Linked(link),
                )
            }
            LinkForm::Tombstone => {
                let token = String::from_utf8_lossy(bytes).into();
                (State::Tombstone, token, Change::Unlinked(id.clone(), Gone::Tombstone))
            }
        };
        let key = id.link_key();
        self.entries.insert(
            id,
            Entry {
                key,
                generation,
                digest,
                token,
                state,
            },
        );
        change
    }

    /// Tries to put the highest generation of a link back in force. A token above it that waits among the refused stays there.
    fn revive(&mut self, id: &LinkId, trust: &Trust, now: UnixSeconds) -> Option<Change> {
        let (key, token) = self
            .entries
            .get(id)
            .map(|entry| (entry.key.clone(), entry.token.clone()))?;
        match self.decide(&key, token.as_bytes(), trust, now) {
            Ok(change) => {
                self.rejected.forget_same(&key, token.as_bytes());
                Some(change)
            }
            Err(refusal) => {
                self.rejected.record_if_none(&key, token.as_bytes(), &refusal, now);
                self.entries.get_mut(id).filter(|_| is_for_good(&refusal))?.state = State::Revoked;
                None
            }
        }
    }

    fn retry(&mut self, tokens: Vec<(String, Arc<[u8]>)>, trust: &Trust, now: UnixSeconds) -> Vec<Change> {
        let admit = |(key, bytes): (String, Arc<[u8]>)| self.admit(&key, &bytes, trust, now).ok();
        tokens
            .into_iter()
            .filter_map(admit)
            .filter(|change| *change != Change::Unchanged)
            .collect()
    }
}

/// How a token stands to the one accepted before.
#[derive(PartialEq)]
enum Standing {
    Newer,
    Same,
}

impl Entry {
    fn active(&self) -> Option<&Arc<ActiveLink>> {
        match &self.state {
            State::Active { link, .. } => Some(link),
            _ => None,
        }
    }

    /// Generations order tokens; within one, a tombstone stands above a link, so that two issuers who race end in "no".
    fn rank(&self) -> (u64, bool) {
        (self.generation, matches!(self.state, State::Tombstone))
    }

    fn compare(&self, got: &CheckedLink) -> Result<Standing, Refusal> {
        let same_bytes = self.digest == got.digest;
        match (&self.state, got.generation) {
            (_, generation) if generation > self.generation => Ok(Standing::Newer),
            (_, generation) if generation < self.generation => Err(Refusal::OlderGeneration {
                have: self.generation,
                got: generation,
            }),
            (State::Revoked, _) if same_bytes => Err(Refusal::Revoked {
                why: "an earlier bundle revoked it, for good".to_owned(),
            }),
            (State::Dormant, _) if same_bytes => Ok(Standing::Newer),
            (State::Active { .. } | State::Tombstone, _) if same_bytes => Ok(Standing::Same),
            (State::Tombstone, generation) => Err(Refusal::SameGenerationDiffers { generation }),
            (_, _) if got.form == LinkForm::Tombstone => Ok(Standing::Newer),
            (_, generation) => Err(Refusal::SameGenerationDiffers { generation }),
        }
    }

    /// Takes an active link out of force and lists it among the refused.
    fn suspend(&mut self, id: &LinkId, refusal: Refusal, now: UnixSeconds, rejected: &mut RejectedTokens) -> Change {
        rejected.record_if_none(&self.key, self.token.as_bytes(), &refusal, now);
        self.state = if is_for_good(&refusal) {
            State::Revoked
        } else {
            State::Dormant
        };
        Change::Unlinked(id.clone(), Gone::Refused(refusal))
    }

    fn remember(&self, link: &LinkId) -> Remembered {
        let state = match self.state {
            State::Active { .. } | State::Dormant => RememberedState::Linked,
            State::Revoked => RememberedState::Revoked,
            State::Tombstone => RememberedState::Unlinked,
        };
        Remembered {
            link: link.clone(),
            generation: self.generation,
            state,
            token: self.token.clone(),
        }
    }
}

impl From<&Remembered> for Entry {
    fn from(remembered: &Remembered) -> Self {
        let state = match remembered.state {
            RememberedState::Linked => State::Dormant,
            RememberedState::Revoked => State::Revoked,
            RememberedState::Unlinked => State::Tombstone,
        };
        let token = remembered.token.clone();
        let (key, digest) = (remembered.link.link_key(), Digest::of(token.as_bytes()));
        Self {
            key,
            generation: remembered.generation,
            digest,
            token,
            state,
        }
    }
}

/// Whether a token refused so stays refused whatever later bundles say.
fn is_for_good(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Revoked { .. } | Refusal::BelowMinimumGeneration { .. }
    )
}

/// Whether something that ends at `until` is over, with the grace that clocks need.
pub(crate) fn is_over(until: UnixSeconds, now: UnixSeconds) -> bool {
    now >= first_second_after(until)
}

fn first_second_after(until: UnixSeconds) -> UnixSeconds {
    UnixSeconds::new(until.after(CLOCK_SKEW).get().saturating_add(1))
}
